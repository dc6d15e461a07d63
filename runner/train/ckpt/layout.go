package ckpt

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The names and numbers of the layout; see the package comment.
const (
	Format  = "trawl checkpoint"
	Version = 1

	// LastName and BestName are the files of a run in its folder.
	LastName = "last.safetensors"
	BestName = "best.safetensors"
)

// A Layer is one affine map, y = Wx + b, from In numbers to Out. Weight is W,
// Out × In numbers row by row, Bias is b, of Out, or nil for none; each is a
// []float64 or a []float32.
type Layer struct {
	Out, In      int
	Weight, Bias any
}

// A Checkpoint is the state of one training.
type Checkpoint struct {
	Config      json.RawMessage // what was trained, opaque here; nil is {}
	Epoch, Step int64           // epochs and mini-batches done
	Layers      []Layer         // from the input on
	// Optim is the state of the optimizer: under its word for it (velocity, m,
	// v, …) one Layer per layer of the model, of the same shapes. Empty: the
	// model alone.
	Optim map[string][]Layer
	Run   []Tensor          // what else a resume needs, by names without run.
	Note  map[string]string // texts by keys without note.
}

// Weight is the name of the weight of layer n >= 0, counted from the input.
func Weight(n int) string { return "layers." + strconv.Itoa(n) + ".weight" }

// Bias is the name of the bias of layer n >= 0.
func Bias(n int) string { return "layers." + strconv.Itoa(n) + ".bias" }

// File lays c out as a file, with the names and shapes of the package comment. It
// does not copy the numbers.
func (c Checkpoint) File() File {
	f := File{Meta: map[string]string{
		"format": Format, "version": strconv.Itoa(Version), "config": string(c.Config),
		"epoch": strconv.FormatInt(c.Epoch, 10), "step": strconv.FormatInt(c.Step, 10),
	}}
	if c.Config == nil {
		f.Meta["config"] = "{}"
	}
	for k, v := range c.Note {
		f.Meta["note."+k] = v
	}
	f.add("", c.Layers)
	for _, state := range slices.Sorted(maps.Keys(c.Optim)) {
		f.add("optim."+state+".", c.Optim[state])
	}
	for _, t := range c.Run {
		f.Tensors = append(f.Tensors, Tensor{"run." + t.Name, t.Shape, t.Data})
	}
	return f
}

func (f *File) add(prefix string, layers []Layer) {
	for n, l := range layers {
		f.Tensors = append(f.Tensors, Tensor{prefix + Weight(n), []int{l.Out, l.In}, l.Weight})
		if l.Bias != nil {
			f.Tensors = append(f.Tensors, Tensor{prefix + Bias(n), []int{l.Out}, l.Bias})
		}
	}
}

// Parse reads the layout. It checks format, version and the numbers of epoch and
// step, that each layer follows on the one before (In is its Out), that the
// optimizer's state has the shapes of the model, and that nothing stands there
// without a place. The error names the text or the tensor, with what was wanted.
// The numbers are not copied.
func Parse(f File) (Checkpoint, error) {
	c := Checkpoint{Config: json.RawMessage(f.Meta["config"]), Optim: map[string][]Layer{}, Note: map[string]string{}}
	if f.Meta["format"] != Format {
		return c, fmt.Errorf("format %q; want %q, a checkpoint of trawl", f.Meta["format"], Format)
	}
	if v, err := strconv.Atoi(f.Meta["version"]); err != nil || v < 1 || v > Version {
		return c, fmt.Errorf("version %q; want at most %d: written by a later trawl", f.Meta["version"], Version)
	}
	if !json.Valid(c.Config) {
		return c, fmt.Errorf("config %.40q; want JSON", c.Config)
	}
	for _, n := range []struct {
		name string
		to   *int64
	}{{"epoch", &c.Epoch}, {"step", &c.Step}} {
		x, err := strconv.ParseInt(f.Meta[n.name], 10, 64)
		if err != nil || x < 0 {
			return c, fmt.Errorf("%s %q; want a number >= 0", n.name, f.Meta[n.name])
		}
		*n.to = x
	}
	for k, v := range f.Meta {
		if key, ok := strings.CutPrefix(k, "note."); ok {
			c.Note[key] = v
		}
	}
	return c, c.parse(f)
}

func (c *Checkpoint) parse(f File) (err error) {
	placed, byName := make(map[string]bool), make(map[string]Tensor, len(f.Tensors))
	for _, t := range f.Tensors {
		byName[t.Name] = t
	}
	if c.Layers, err = layersOf(byName, "", placed); err != nil {
		return err
	}
	for i, l := range c.Layers {
		if i > 0 && l.In != c.Layers[i-1].Out {
			return fmt.Errorf("tensor %s: %d columns; want %d, the rows of %s", Weight(i), l.In, c.Layers[i-1].Out, Weight(i-1))
		}
	}
	for _, t := range f.Tensors {
		if name, ok := strings.CutPrefix(t.Name, "run."); ok {
			placed[t.Name] = true
			c.Run = append(c.Run, Tensor{name, t.Shape, t.Data})
		}
		rest, ok := strings.CutPrefix(t.Name, "optim.")
		state, _, dot := strings.Cut(rest, ".layers.")
		if !ok || !dot || c.Optim[state] != nil {
			continue
		}
		layers, err := layersOf(byName, "optim."+state+".", placed)
		if err != nil {
			return err
		}
		if len(layers) != len(c.Layers) {
			return fmt.Errorf("optimizer's state %s of %d layers; want %d, as the model has", state, len(layers), len(c.Layers))
		}
		for i, l := range layers {
			if m := c.Layers[i]; l.Out != m.Out || l.In != m.In || (l.Bias == nil) != (m.Bias == nil) {
				return fmt.Errorf("tensor optim.%s.%s: shape [%d %d]; want [%d %d], as the weight, and a bias where that has one", state, Weight(i), l.Out, l.In, m.Out, m.In)
			}
		}
		c.Optim[state] = layers
	}
	for _, t := range f.Tensors {
		if !placed[t.Name] {
			return fmt.Errorf("tensor %s: want layers.N.weight or .bias, from 0 on without gaps, optim.STATE.layers.N.… or run.NAME", t.Name)
		}
	}
	return nil
}

// layersOf returns the layers whose names begin with prefix.
func layersOf(byName map[string]Tensor, prefix string, placed map[string]bool) ([]Layer, error) {
	var list []Layer
	for {
		name := prefix + Weight(len(list))
		w, ok := byName[name]
		if !ok {
			return list, nil
		}
		if len(w.Shape) != 2 || !floats(w.Data) {
			return nil, fmt.Errorf("tensor %s: shape %v of %T; want 2 lengths, and floating-point numbers", name, w.Shape, w.Data)
		}
		l := Layer{Out: w.Shape[0], In: w.Shape[1], Weight: w.Data}
		placed[name] = true
		name = prefix + Bias(len(list))
		if b, ok := byName[name]; ok {
			if !slices.Equal(b.Shape, w.Shape[:1]) || !floats(b.Data) {
				return nil, fmt.Errorf("tensor %s: shape %v of %T; want %v, and floating-point numbers", name, b.Shape, b.Data, w.Shape[:1])
			}
			l.Bias = b.Data
			placed[name] = true
		}
		list = append(list, l)
	}
}

func floats(data any) bool {
	switch data.(type) {
	case []float64, []float32:
		return true
	}
	return false
}

// Float64s returns the weight, Out × In, and the bias as float64, exactly; the
// bias is nil if there is none. They are the layer's own memory if they are
// float64 already.
func (l Layer) Float64s() (weight, bias []float64) { return both[float64](l) }

// Float32s is Float64s for float32, each number rounded to nearest where it is
// float64.
func (l Layer) Float32s() (weight, bias []float32) { return both[float32](l) }

func both[T float64 | float32](l Layer) (weight, bias []T) {
	weight = convert[T](l.Weight)
	if l.Bias != nil {
		bias = convert[T](l.Bias)
	}
	return weight, bias
}
