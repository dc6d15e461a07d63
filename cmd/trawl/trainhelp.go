package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/sweep"
)

const trainLong = `Train runs one training with the built-in trainer. Its flags are the keys that
may stand under trainer: and under parameters: of a sweep file, and its numbers
are those of the same trial in a sweep, to the bit. Without a flag it trains on
the images that trawl has in it; a key that is not given is off, unless its line
names a default.

A CSV file has a row per example: numbers, and the column to predict, the last or
--target. Its first line may hold names. The cells have , ; or tab between them.
Texts to predict, and whole numbers with few different ones, are classes; other
numbers are predicted as such (--model linear makes numbers of classes that are
numbers). Columns of texts need --one_hot true, empty cells --missing mean, columns
of different size --standardize true. LIBSVM files have lines "LABEL INDEX:VALUE …".
Every file may be packed by gzip.

Stdout gets one JSON object per report, each epoch by default. For classes: loss
(cross-entropy in nats), accuracy, macro_f1 and, of more than 5 classes,
top5_accuracy; for numbers: loss, ½ mean (z−y)², its root rmse without the ½, mae
and r2. train_ is the mean over the mini-batches of the epoch as they came, val_ the
validation part, test_ the third part of --split, once, with the weights of the
least val_loss. grad_norm is the mean norm of the gradient before clipping, and
learning_rate, examples_per_second are what they say. Stderr gets the rest: how a
checkpoint was taken, and the SHA-256 of the weights.

With --checkpoints DIR the state is kept in DIR/last.safetensors, from which the
same command goes on after a kill with the same bits, and the model with the
least val_loss in DIR/best.safetensors. Both can be read by --eval, --init_from and
other programs: they are safetensors files with layers.N.weight, [out, in], and
layers.N.bias.

With --eval CKPT nothing is trained: the checkpoint's figures on the validation
and the test part are printed, with the settings that it was trained with unless
flags say otherwise. CKPT is a file, a folder with one, SWEEP/N or SWEEP/best. For
other examples say --split val=NEW.csv: they are scaled as those of the training
were; with --data NEW.csv they would be by themselves.

The same in a sweep file: trainer: {data: iris.csv, standardize: true}, and
parameters: {lr: {min: 1e-3, max: 1, scale: log}}; trawl init writes one.

Exit status: 0 · 1 error, or the training diverged · 2 usage.`

const trainExamples = `  trawl train --data mnist --lr 0.5 --momentum 0.9 --epochs 3
  trawl train --data iris.csv --target species --split 0.8,0.2,stratify --standardize true
  trawl train --data prices.csv --model linear --one_hot true --missing mean --split 0.8,0.2,shuffle
  trawl train --hidden 256,128 --optimizer adam --checkpoints digits
  trawl train --eval digits
  trawl train --eval flowers --split val=new.csv
  trawl train --init_from digits --freeze body --lr 0.01`

// trainSections are the headings of the keys, each with the first below it.
var trainSections = []struct{ first, title string }{
	{"data", "Data"}, {"model", "Model"}, {"init_from", "From an existing model"}, {"loss", "Loss and penalties"}, {"optimizer", "Optimizer"},
	{"schedule", "Learning rate over time"}, {"batch_size", "Length, reports, numbers"},
}

const (
	helpWidth  = 80
	helpIndent = 20
)

// trainUsage writes the second half of the help: the keys by subject, each with
// its meaning and what it takes.
func trainUsage(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "Usage:\n  trawl train [--KEY VALUE…]\n\nExamples:\n%s\n", trainExamples)
	next := 0
	for _, k := range train.AllKeys() {
		if next < len(trainSections) && trainSections[next].first == k.Name {
			fmt.Fprintf(w, "\n%s:\n", trainSections[next].title)
			next++
		}
		helpItem(w, "--"+k.Name, k.Doc+". Takes "+k.Want)
	}
	fmt.Fprint(w, "\nFlags that are no keys:\n")
	helpItem(w, "--checkpoints DIR", "keep the state in this folder, and go on from it")
	helpItem(w, "--eval CKPT", "evaluate this checkpoint and train nothing")
	helpItem(w, "--db FILE", "database that SWEEP/N and SWEEP/best are of; default $TRAWL_DB, else trawl.db")
	return nil
}

// helpItem writes a flag and its text, broken into lines beside it.
func helpItem(w io.Writer, flag, text string) {
	line := fmt.Sprintf("  %-*s", helpIndent-2, flag)
	empty := utf8.RuneCountInString(line) <= helpIndent
	if !empty {
		fmt.Fprintln(w, line)
		line, empty = strings.Repeat(" ", helpIndent), true
	}
	for word := range strings.FieldsSeq(strings.ReplaceAll(text, "`", "'")) {
		switch {
		case empty:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > helpWidth:
			fmt.Fprintln(w, line)
			line = strings.Repeat(" ", helpIndent) + word
		default:
			line += " " + word
		}
		empty = false
	}
	fmt.Fprintln(w, line)
}

// trainFlagError names the key that an unknown flag may mean.
func trainFlagError(cmd *cobra.Command, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return flagError(cmd, err)
	}
	return usagef("--%v\nTry: %s --help", train.CheckValue(name, sweep.Value{}), cmd.CommandPath())
}
