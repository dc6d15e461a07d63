package inproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/sweep"
)

// ErrDiverged says that the loss of a model left all bounds.
var ErrDiverged = errors.New("diverged")

// RunOne trains one model in the foreground, with the numbers that a trial with
// the same values has in a sweep, and writes one JSON object per epoch to out,
// each on its line. It needs neither Options.Slots nor, if the speed is of no
// interest, Options.Now.
//
// The error wraps ErrDiverged if the model diverged, after its last line, and is
// the cause of ctx if that was cancelled.
func RunOne(ctx context.Context, values map[string]sweep.Value, opts Options, out io.Writer) error {
	config, err := train.NewConfig(values)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	res, err := train.Run(ctx, config, train.Hooks{
		Source: &data.Source{Dirs: opts.BaseDirs, Embedded: opts.Embedded},
		Report: func(step int64, metrics []sweep.Report) {
			if _, err := out.Write(append(appendLine(nil, step, metrics), '\n')); err != nil {
				cancel(err) // nobody reads: there is nothing to go on for
			}
		},
		Now:    opts.Now,
		Dir:    opts.Dir,
		Resume: opts.Dir != "",
		Say:    opts.Say,
		Find:   opts.find(ctx),
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil && opts.Say != nil {
		opts.Say("weights sha256:" + res.Weights)
	}
	if err == nil && res.Diverged != "" {
		err = fmt.Errorf("%w: %s", ErrDiverged, res.Diverged)
	}
	return err
}

// EvalOne evaluates the checkpoint called name and writes its figures of the
// parts of the data to out, as one JSON object. The settings are those of the
// checkpoint, where it is one of ours, with values in their place.
func EvalOne(ctx context.Context, name string, values map[string]sweep.Value, opts Options, out io.Writer) error {
	step, metrics, err := train.Evaluate(ctx, name, values, train.Hooks{
		Source: &data.Source{Dirs: opts.BaseDirs, Embedded: opts.Embedded}, Say: opts.Say, Find: opts.find(ctx),
	})
	if err != nil {
		return err
	}
	_, err = out.Write(append(appendLine(nil, step, metrics), '\n'))
	return err
}

// appendLine appends the metrics of an epoch as a JSON object, with NaN and
// Infinity as Python writes them, which trawl reads back.
func appendLine(b []byte, step int64, metrics []sweep.Report) []byte {
	b = append(b, `{"step": `...)
	b = strconv.AppendInt(b, step, 10)
	for _, m := range metrics {
		b = append(b, ", "...)
		b = strconv.AppendQuote(b, m.Name)
		b = append(b, ": "...)
		switch {
		case math.IsNaN(m.Value):
			b = append(b, "NaN"...)
		case math.IsInf(m.Value, 1):
			b = append(b, "Infinity"...)
		case math.IsInf(m.Value, -1):
			b = append(b, "-Infinity"...)
		default:
			b = append(b, sweep.PythonFloat(m.Value)...)
		}
	}
	return append(b, '}')
}
