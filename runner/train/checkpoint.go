package train

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/trawl-sweep/trawl/runner/train/ckpt"
	"github.com/trawl-sweep/trawl/runner/train/model"
)

// CheckpointName is the file in the checkpoint folder that a run writes at each
// report and goes on from; BestName is that of the report with the least
// val_loss, of the same form.
const (
	CheckpointName = ckpt.LastName
	BestName       = ckpt.BestName
)

// ErrCheckpoint says that a checkpoint cannot be gone on from: it is damaged,
// of another configuration, or of another data set. A run from the beginning
// replaces it.
var ErrCheckpoint = errors.New("checkpoint")

const maxHistory = 1000 // rows that a checkpoint holds

// best is the state of the best report: its weights are kept where there is a
// test part.
type best[T model.Float] struct {
	step int64 // of the report; -1 before the first
	loss float64
	w    []T
}

// keep makes m the last row of the history, and writes the checkpoints.
func (r *run[T]) keep(m row) error {
	r.history = append(r.history[max(0, len(r.history)-maxHistory+1):], m)
	better := true // without a validation the last is the best
	if len(r.set.Val) > 0 {
		better = m[3] < r.best.loss
	}
	if better {
		r.best.step, r.best.loss = int64(m[0]), math.Inf(1)
		if len(r.set.Val) > 0 {
			r.best.loss = m[3]
		}
		if len(r.set.Test) > 0 {
			r.best.w = append(r.best.w[:0], r.w...)
		}
	}
	if r.hooks.Dir == "" {
		return nil
	}
	return r.warn(r.save(better))
}

// save writes the last checkpoint, and makes it the best where it is.
//
// Neither is synced to the disk: a file that a power cut left half written
// fails its checksum, and the run begins again with the same bits.
func (r *run[T]) save(better bool) error {
	err := replace(filepath.Join(r.hooks.Dir, CheckpointName), r.file())
	if err == nil && better {
		err = r.link()
	}
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

// link makes the last checkpoint the best, without a copy of its bytes where
// the file system can.
func (r *run[T]) link() error {
	last, best := filepath.Join(r.hooks.Dir, CheckpointName), filepath.Join(r.hooks.Dir, BestName)
	tmp := best + newSuffix
	_ = os.Remove(tmp) // of a kill between the two
	if err := os.Link(last, tmp); err != nil {
		return replace(best, r.file())
	}
	return os.Rename(tmp, best)
}

// newSuffix ends the name of a file that is not yet in its place.
const newSuffix = ".new"

// replace writes a file in one atomic step.
func replace(path string, file ckpt.File) error {
	f, err := os.Create(path + newSuffix)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = ckpt.Write(w, file)
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+newSuffix, path)
}

// file is the checkpoint, in the layout of package ckpt. The optimizer's words
// for its state are those of optim.Rule; frozen layers have zeros there. Further
// tensors are run.history, the metrics of the last reports, and run.pruned, the
// places of the weights that stay 0.
func (r *run[T]) file() ckpt.File {
	steps, slots := r.opt.State()
	c := ckpt.Checkpoint{
		Config: json.RawMessage(r.text()), Epoch: r.step / r.perEpoch, Step: r.step,
		Layers: r.layers(r.w), Optim: map[string][]ckpt.Layer{},
		Note: map[string]string{
			"identity": r.identity(r.set), "weights": weightsHash(r.w), "optim_steps": strconv.FormatInt(steps, 10),
			"best_step": strconv.FormatInt(r.best.step, 10), "best_loss": strconv.FormatFloat(r.best.loss, 'x', -1, 64),
		},
	}
	for _, s := range slots {
		c.Optim[s.Name] = r.layers(append(make([]T, r.net.FrozenLen()), s.Data...))
	}
	var history []float64
	for _, m := range r.history {
		history = append(history, m...)
	}
	c.Run = []ckpt.Tensor{{Name: "history", Shape: []int{len(r.history), 1 + len(r.names)}, Data: history}}
	if r.pruned != nil {
		c.Run = append(c.Run, ckpt.Tensor{Name: "pruned", Shape: []int{len(r.pruned)}, Data: r.pruned})
	}
	return c.File()
}

// layers are the parts of a vector of parameters.
func (r *run[T]) layers(x []T) []ckpt.Layer {
	list := make([]ckpt.Layer, len(r.net.Layers))
	for i, l := range r.net.Layers {
		list[i] = ckpt.Layer{Out: l.Out, In: l.In, Weight: x[l.Weight:l.Bias], Bias: x[l.Bias:][:l.Out]}
	}
	return list
}

// vector is the opposite of layers.
func (r *run[T]) vector(list []ckpt.Layer) ([]T, error) {
	if len(list) != len(r.net.Layers) {
		return nil, fmt.Errorf("%d layers; want %d", len(list), len(r.net.Layers))
	}
	x := make([]T, r.net.Len())
	for i, l := range r.net.Layers {
		if list[i].Out != l.Out || list[i].In != l.In || list[i].Bias == nil {
			return nil, fmt.Errorf("tensor %s: shape [%d %d]; want [%d %d], and a bias", ckpt.Weight(i), list[i].Out, list[i].In, l.Out, l.In)
		}
		w, b := list[i].Float64s()
		round(x[l.Weight:], w)
		round(x[l.Bias:], b)
	}
	return x, nil
}

// round copies numbers to T.
func round[T model.Float](to []T, from []float64) {
	for i, v := range from {
		to[i] = T(v)
	}
}

// lastCheckpoint reads what a run goes on from, nil if there is nothing.
func lastCheckpoint(hooks Hooks) (*ckpt.File, error) {
	if !hooks.Resume || hooks.Dir == "" {
		return nil, nil
	}
	path := filepath.Join(hooks.Dir, CheckpointName)
	f, err := ckpt.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return &f, nil
}

// resume takes the state from the last checkpoint. It changes nothing where it
// returns an error.
func (r *run[T]) resume(f ckpt.File) error {
	if err := r.restore(f); err != nil {
		return fmt.Errorf("%w %s: %w", ErrCheckpoint, filepath.Join(r.hooks.Dir, CheckpointName), err)
	}
	for _, name := range []string{CheckpointName, BestName} { // a kill in the middle of a write leaves them
		_ = os.Remove(filepath.Join(r.hooks.Dir, name+newSuffix)) // at worst it takes room
	}
	return r.resumeBest()
}

// resumeBest brings the best checkpoint up to the last one: a kill may have
// come between the two.
func (r *run[T]) resumeBest() error {
	if n := len(r.history); n > 0 && int64(r.history[n-1][0]) == r.best.step {
		if len(r.set.Test) > 0 {
			r.best.w = slices.Clone(r.w)
		}
		return r.warn(r.link())
	}
	if len(r.set.Test) == 0 {
		return nil
	}
	path := filepath.Join(r.hooks.Dir, BestName)
	f, err := ckpt.Load(path)
	var c ckpt.Checkpoint
	if err == nil {
		c, err = ckpt.Parse(f)
	}
	if err == nil && c.Note["best_step"] != strconv.FormatInt(r.best.step, 10) {
		err = fmt.Errorf("of step %s; want %d", c.Note["best_step"], r.best.step)
	}
	if err == nil {
		r.best.w, err = r.vector(c.Layers)
	}
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrCheckpoint, path, err)
	}
	return nil
}

// restore takes the state from a checkpoint.
func (r *run[T]) restore(f ckpt.File) error {
	c, err := ckpt.Parse(f)
	if err != nil {
		return err
	}
	if was, is := c.Note["identity"], r.identity(r.set); was != is {
		return fmt.Errorf("of another configuration or other data: %s", differences(was, is))
	}
	if c.Step > r.total {
		return fmt.Errorf("step %d; want at most %d", c.Step, r.total)
	}
	b := best[T]{}
	steps, err := strconv.ParseInt(c.Note["optim_steps"], 10, 64)
	if err == nil {
		b.step, err = strconv.ParseInt(c.Note["best_step"], 10, 64)
	}
	if err == nil {
		b.loss, err = strconv.ParseFloat(c.Note["best_loss"], 64)
	}
	if err != nil {
		return fmt.Errorf("optim_steps, best_step or best_loss: %w", err)
	}
	w, err := r.vector(c.Layers)
	if err != nil {
		return err
	}
	pruned, history, err := r.extras(c.Run)
	if err != nil {
		return err
	}
	if err := r.restoreRule(c, steps); err != nil {
		return err
	}
	r.step, r.w, r.pruned, r.history, r.best = c.Step, w, pruned, history, b
	return nil
}

// restoreRule takes the state of the optimizer.
func (r *run[T]) restoreRule(c ckpt.Checkpoint, steps int64) error {
	_, slots := r.opt.State()
	for i := range slots {
		x, err := r.vector(c.Optim[slots[i].Name])
		if err != nil {
			return fmt.Errorf("optimizer's state %s: %w", slots[i].Name, err)
		}
		slots[i].Data = x[r.net.FrozenLen():]
	}
	return r.opt.Restore(steps, slots)
}

// extras are the tensors besides layers.
func (r *run[T]) extras(list []ckpt.Tensor) (pruned []int64, history []row, err error) {
	width := 1 + len(r.names)
	for _, t := range list {
		switch x := t.Data.(type) {
		case []int64:
			for _, i := range x {
				if t.Name != "pruned" || i < 0 || i >= int64(len(r.w)) {
					return nil, nil, fmt.Errorf("tensor run.%s: weight %d of %d", t.Name, i, len(r.w))
				}
			}
			pruned = x
		case []float64:
			if t.Name != "history" || len(t.Shape) != 2 || t.Shape[0] > maxHistory || t.Shape[1] != width {
				return nil, nil, fmt.Errorf("tensor run.%s: shape %v; want history [at most %d, %d]", t.Name, t.Shape, maxHistory, width)
			}
			for len(x) > 0 {
				history, x = append(history, slices.Clone(row(x[:width]))), x[width:]
			}
		}
	}
	if len(history) == 0 {
		return nil, nil, errors.New("no tensor run.history; want one of the reports so far")
	}
	return pruned, history, nil
}

// weightsHash is Result.Weights.
func weightsHash[T model.Float](w []T) string {
	h := sha256.New()
	b := make([]byte, 0, 4096)
	for i, x := range w {
		if v := float64(x); any(x) == any(v) {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		} else {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}
		if len(b) > 4080 || i == len(w)-1 {
			h.Write(b) // a hash takes all
			b = b[:0]
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
