package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/trawl-sweep/trawl/runner/train/ckpt"
	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/model"
	"github.com/trawl-sweep/trawl/sweep"
)

// load finds and reads the checkpoint of init_from.
func (c *Config) load(hooks Hooks) (path string, f *ckpt.File, err error) {
	if hooks.Find != nil {
		path, err = hooks.Find(c.InitFrom)
	} else {
		path, err = FindFile(c.InitFrom, hooks.Source.Dirs)
	}
	if err != nil {
		return "", nil, fmt.Errorf("init_from %s: %w", c.InitFrom, err)
	}
	file, err := ckpt.Load(path)
	if err != nil {
		return "", nil, fmt.Errorf("init_from %s: %w", c.InitFrom, err)
	}
	return path, &file, nil
}

// adopt takes the hidden layers of a checkpoint where c says nothing of them,
// and with them the activation, if the checkpoint is ours.
func (c *Config) adopt(f ckpt.File) {
	if len(c.Hidden) > 0 || c.Model == "softmax" || c.Model == "linear" {
		return
	}
	var layers []ckpt.Tensor
	for i := 0; ; i++ {
		at := slices.IndexFunc(f.Tensors, func(t ckpt.Tensor) bool { return t.Name == ckpt.Weight(i) && len(t.Shape) == 2 })
		if at < 0 {
			break
		}
		layers = append(layers, f.Tensors[at])
	}
	for _, t := range layers[:max(len(layers)-1, 0)] {
		c.Hidden = append(c.Hidden, t.Shape[0])
	}
	var was Config
	if own, err := ckpt.Parse(f); err == nil && json.Unmarshal(own.Config, &was) == nil && c.Unit == "" {
		c.Unit = was.Unit
	}
}

// take takes the weights of init_from: each tensor by its name, else by order
// and shape (see ckpt.Match). A last layer that does not fit begins anew; any
// other difference is an error.
func (r *run[T]) take(f ckpt.File, path string) error {
	pairs, how, err := r.match(f)
	if err != nil {
		return err
	}
	var said []string
	for i, l := range r.net.Layers {
		if 2*i >= len(pairs) {
			said = append(said, fmt.Sprintf("the last layer, %d × %d, begins anew", l.Out, l.In))
			break
		}
		for k, to := range [][]T{r.w[l.Weight:l.Bias], r.w[l.Bias:][:l.Out]} {
			from := pairs[2*i+k].From
			data, err := f.Float64s(from.Name, from.Shape...)
			if err != nil {
				return err
			}
			round(to, data)
			said = append(said, fmt.Sprintf("%s ← %s %v", pairs[2*i+k].Name, from.Name, from.Shape))
		}
		r.prune(l)
	}
	r.say(fmt.Sprintf("begun from %s, by %s: %s", path, how, strings.Join(said, ", ")))
	return nil
}

// match finds the tensors for the layers, two for each, in order; for all of
// them or for all but the last.
func (r *run[T]) match(f ckpt.File) (pairs []ckpt.Pair, how string, err error) {
	file := make([]ckpt.Info, len(f.Tensors))
	for i, t := range f.Tensors {
		file[i] = ckpt.Info{Name: t.Name, Shape: t.Shape}
	}
	var all []ckpt.Info
	for i, l := range r.net.Layers {
		all = append(all, ckpt.Info{Name: ckpt.Weight(i), Shape: []int{l.Out, l.In}}, ckpt.Info{Name: ckpt.Bias(i), Shape: []int{l.Out}})
	}
	body := all[:len(all)-2]
	if r.NewHead {
		all = body
	}
	if len(all) == 0 {
		return nil, "", errors.New("new_head with a model of one layer; want a layer to take")
	}
	pairs, byName, err := ckpt.Match(all, file)
	if err != nil && len(body) > 0 && !r.hooks.whole {
		var second error
		if pairs, byName, second = ckpt.Match(body, file); second == nil {
			err = nil
		}
	}
	if byName {
		return pairs, "name", err
	}
	return pairs, "order and shape", err
}

// prune makes the ⌊sparsity·n⌋ weights of a layer that are smallest in size 0,
// for good; of equals those that come first.
//
// Han, Pool, Tran and Dally, Learning both weights and connections for efficient
// neural networks, NIPS 2015.
func (r *run[T]) prune(l model.Layer) {
	n := l.In * l.Out
	cut := int(float64(r.Sparsity) * float64(n))
	if cut == 0 {
		return
	}
	order := make([]int64, n)
	for j := range order {
		order[j] = int64(l.Weight + j)
	}
	sort.SliceStable(order, func(a, b int) bool {
		return math.Abs(float64(r.w[order[a]])) < math.Abs(float64(r.w[order[b]]))
	})
	order = order[:cut]
	slices.Sort(order)
	for _, i := range order {
		r.w[i] = 0
	}
	r.pruned = append(r.pruned, order...)
}

// FindFile returns the path of a checkpoint: name, below the first of dirs that
// has it; dirs do not count for an absolute name, and none are the working
// directory. The name of a folder means the best checkpoint in it, or in its
// folder checkpoint. The error says where was looked, and what is wanted.
func FindFile(name string, dirs []string) (string, error) {
	if filepath.IsAbs(name) || len(dirs) == 0 {
		dirs = []string{""}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", err
		case !info.IsDir():
			return path, nil
		}
		for _, file := range []string{BestName, filepath.Join("checkpoint", BestName)} {
			if _, err := os.Stat(filepath.Join(path, file)); err == nil {
				return filepath.Join(path, file), nil
			}
		}
		return "", fmt.Errorf("%s: no %s in this folder", path, BestName)
	}
	return "", fmt.Errorf("no such file; want a checkpoint (.safetensors) below %v, SWEEP/N or SWEEP/best", dirs)
}

// Evaluate returns the figures val_* and test_* (see the package comment) of the
// checkpoint called name, to the bit those that its run reported at that step,
// and the step, in mini-batches. What the data is and how it is prepared says the
// config of the checkpoint, with values in its place; for a file of another
// program, values alone. An error names the checkpoint that cannot be read, the
// tensor whose shape does not fit, the key or the data; it is the cause of ctx
// where that was cancelled.
func Evaluate(ctx context.Context, name string, values map[string]sweep.Value, hooks Hooks) (step int64, metrics []sweep.Report, err error) {
	if hooks.Source == nil {
		hooks.Source = &data.Source{}
	}
	find := hooks.Find
	if find == nil {
		find = func(name string) (string, error) { return FindFile(name, hooks.Source.Dirs) }
	}
	path, err := find(name)
	if err != nil {
		return 0, nil, fmt.Errorf("checkpoint %s: %w", name, err)
	}
	c, step, err := settings(path, values)
	if err != nil {
		return 0, nil, err
	}
	c.InitFrom, c.NewHead, c.Freeze, c.Sparsity = path, false, 0, 0
	hooks.Find, hooks.whole = func(string) (string, error) { return path, nil }, true
	if c.Float64 {
		metrics, err = evaluate[float64](ctx, c, hooks, step)
	} else {
		metrics, err = evaluate[float32](ctx, c, hooks, step)
	}
	return step, metrics, err
}

// settings reads the config and the step of a checkpoint.
func settings(path string, values map[string]sweep.Value) (c Config, step int64, err error) {
	f, err := ckpt.Load(path)
	if err != nil {
		return c, 0, err
	}
	c = Defaults()
	if own, err := ckpt.Parse(f); err == nil {
		if err := json.Unmarshal(own.Config, &c); err != nil {
			return c, 0, fmt.Errorf("%s: config: %w", path, err)
		}
		step = own.Step
	}
	for _, name := range sortedNames(values) {
		if err := c.set(name, values[name]); err != nil {
			return c, 0, err
		}
	}
	return c, step, c.check()
}

func evaluate[T model.Float](ctx context.Context, c Config, hooks Hooks, step int64) ([]sweep.Report, error) {
	r, err := newRun[T](c, hooks, nil)
	if err != nil {
		return nil, err
	}
	var list []sweep.Report
	for _, part := range []struct {
		name string
		rows []int32
	}{{"val_", r.set.Val}, {"test_", r.set.Test}} {
		if len(part.rows) == 0 {
			continue
		}
		figures, err := r.eval.part(ctx, r.w, part.rows)
		if err != nil {
			return nil, err
		}
		for i, name := range partNames(part.name, r.set.Classes) {
			list = append(list, sweep.Report{Name: name, Step: step, Value: figures[i], At: r.clock()})
		}
	}
	return list, nil
}
