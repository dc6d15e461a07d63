package train

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/google/renameio/v2"

	"github.com/trawl-sweep/trawl/runner/train/ckpt"
)

// CheckpointName is the file in the checkpoint folder that a run writes after
// each epoch and goes on from.
const CheckpointName = "last.safetensors"

// ErrCheckpoint says that a checkpoint cannot be gone on from: it is damaged,
// of another configuration, or of another data set. A run from the beginning
// replaces it.
var ErrCheckpoint = errors.New("checkpoint")

const (
	format       = "trawl trainer 1"
	maxHistory   = 1000
	maxFileBytes = 1 << 30
)

// save writes the checkpoint: the weights as [classes, features] and biases, in
// the layout of most frameworks, the momentum vector likewise, the metrics of
// the last epochs, and what names the place and the configuration.
func (r *run) save() error {
	if r.hooks.Dir == "" {
		return nil
	}
	d, c := r.model.Features, r.model.Classes
	v := r.velocity()
	history := make([]float64, 0, columns*len(r.history))
	for _, m := range r.history {
		history = append(history, m[:]...)
	}
	file := ckpt.File{
		Meta: map[string]string{
			"format": format, "config": r.identity(),
			"epoch": strconv.Itoa(r.epoch), "step": strconv.FormatInt(r.step, 10),
		},
		Tensors: []ckpt.Tensor{
			{Name: "weight", Shape: []int{c, d}, Data: transpose(r.w[:d*c], c)},
			{Name: "bias", Shape: []int{c}, Data: r.w[d*c:]},
			{Name: "velocity.weight", Shape: []int{c, d}, Data: transpose(v[:d*c], c)},
			{Name: "velocity.bias", Shape: []int{c}, Data: v[d*c:]},
			{Name: "history", Shape: []int{len(r.history), columns}, Data: history},
		},
	}
	path := filepath.Join(r.hooks.Dir, CheckpointName)
	if err := renameio.WriteFile(path, ckpt.Encode(file), 0o644, renameio.WithTempDir(r.hooks.Dir)); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

// velocity is the momentum vector, zeros without momentum.
func (r *run) velocity() []float64 {
	if _, slots := r.rule.State(); len(slots) > 0 {
		return slots[0].Data
	}
	return make([]float64, r.model.Len())
}

// resume takes the state from the checkpoint, if there is one. It changes
// nothing where it returns an error.
func (r *run) resume() error {
	path := filepath.Join(r.hooks.Dir, CheckpointName)
	b, err := readLimited(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = r.restore(b)
	}
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrCheckpoint, path, err)
	}
	// A kill in the middle of a write leaves the new file under its other name.
	stale, _ := filepath.Glob(filepath.Join(r.hooks.Dir, "."+CheckpointName+"*"))
	for _, name := range stale {
		_ = os.Remove(name) // at worst it takes room
	}
	return nil
}

// restore takes the state from the bytes of a checkpoint.
func (r *run) restore(b []byte) error {
	f, err := ckpt.Decode(b)
	if err != nil {
		return err
	}
	if f.Meta["format"] != format {
		return fmt.Errorf("format %q; want %q", f.Meta["format"], format)
	}
	if was, is := f.Meta["config"], r.identity(); was != is {
		return fmt.Errorf("of another configuration: %s; want %s", was, is)
	}
	epoch, err := position(f.Meta, "epoch", int64(r.Epochs))
	if err != nil {
		return err
	}
	step, err := position(f.Meta, "step", 1<<62)
	if err != nil {
		return err
	}
	d, c := r.model.Features, r.model.Classes
	var part [4][]float64
	for i, name := range []string{"weight", "bias", "velocity.weight", "velocity.bias"} {
		shape := []int{c, d}
		if i%2 == 1 {
			shape = shape[:1]
		}
		if part[i], err = f.Tensor(name, shape...); err != nil {
			return err
		}
	}
	kept := int(min(epoch, maxHistory))
	history, err := f.Tensor("history", kept, columns)
	if err != nil {
		return err
	}
	r.epoch, r.step = int(epoch), step
	r.w = append(transpose(part[0], d), part[1]...)
	if _, slots := r.rule.State(); len(slots) > 0 {
		slots[0].Data = append(transpose(part[2], d), part[3]...)
		if err := r.rule.Restore(step, slots); err != nil {
			return err
		}
	}
	r.history = make([]row, kept)
	for i := range r.history {
		copy(r.history[i][:], history[columns*i:])
	}
	return nil
}

// position reads a number from 1 to top.
func position(meta map[string]string, name string, top int64) (int64, error) {
	n, err := strconv.ParseInt(meta[name], 10, 64)
	if err != nil || n < 1 || n > top {
		return 0, fmt.Errorf("%s %q; want 1 to %d", name, meta[name], top)
	}
	return n, nil
}

// transpose returns the transpose of a matrix with n columns.
func transpose(a []float64, n int) []float64 {
	rows := len(a) / n
	t := make([]float64, len(a))
	for i := range rows {
		for j := range n {
			t[j*rows+i] = a[i*n+j]
		}
	}
	return t
}

// readLimited reads a regular file of at most maxFileBytes.
func readLimited(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileBytes {
		return nil, fmt.Errorf("not a regular file of at most %d bytes", maxFileBytes)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes))
	return b, errors.Join(err, f.Close())
}
