package ckpt

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func model() Checkpoint {
	return Checkpoint{
		Config: json.RawMessage(`{"lr":0.1}`), Epoch: 3, Step: 60,
		Layers: []Layer{
			{2, 3, []float32{1, 2, 3, 4, 5, 6}, []float32{7, 8}},
			{1, 2, []float32{9, 10}, []float32{11}},
		},
		Optim: map[string][]Layer{"velocity": {
			{2, 3, []float32{0, 1, 0, 1, 0, 1}, []float32{0, 1}},
			{1, 2, []float32{1, 1}, []float32{0}},
		}},
		Run:  []Tensor{{"history", []int{1, 2}, []float64{0.5, 0.25}}},
		Note: map[string]string{"digest": "ab"},
	}
}

func TestLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), LastName)
	if err := Save(path, model().File()); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(model(), c); d != "" {
		t.Errorf("want and got differ:\n%s", d)
	}
	w, b := c.Layers[0].Float64s()
	if d := cmp.Diff([][]float64{{1, 2, 3, 4, 5, 6}, {7, 8}}, [][]float64{w, b}); d != "" {
		t.Errorf("as float64: want and got differ:\n%s", d)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(f *File)
		want   string
	}{
		{"another format", func(f *File) { f.Meta["format"] = "pt" }, `format "pt"; want "trawl checkpoint"`},
		{"a later version", func(f *File) { f.Meta["version"] = "2" }, `version "2"; want at most 1`},
		{"no version", func(f *File) { delete(f.Meta, "version") }, `version ""`},
		{"config", func(f *File) { f.Meta["config"] = "{" }, `config "{"; want JSON`},
		{"epoch", func(f *File) { f.Meta["epoch"] = "-1" }, `epoch "-1"; want a number >= 0`},
		{"a layer of integers", func(f *File) { f.Tensors[0].Data = make([]int64, 6) }, "tensor layers.0.weight: shape [2 3] of []int64"},
		{"a weight of one dimension", func(f *File) { f.Tensors[0].Shape = []int{6} }, "tensor layers.0.weight: shape [6]"},
		{"a bias of another length", func(f *File) { f.Tensors[1] = Tensor{Bias(0), []int{1}, []float32{1}} }, "tensor layers.0.bias: shape [1] of []float32; want [2]"},
		{"layers that do not follow", func(f *File) { f.Tensors[2] = Tensor{Weight(1), []int{1, 3}, make([]float32, 3)} }, "tensor layers.1.weight: 3 columns; want 2"},
		{"a gap", func(f *File) { f.Tensors[2].Name, f.Tensors = Weight(2), f.Tensors[:4] }, "tensor layers.2.weight: want layers.N.weight"},
		{"a stranger", func(f *File) { f.Tensors = append(f.Tensors, Tensor{"embedding", []int{0}, []float64{}}) }, "tensor embedding: want"},
		{"state of another shape", func(f *File) { f.Tensors[4] = Tensor{"optim.velocity." + Weight(0), []int{2, 2}, make([]float32, 4)} }, "tensor optim.velocity.layers.0.weight: shape [2 2]; want [2 3]"},
		{"state of fewer layers", func(f *File) { f.Tensors = append(f.Tensors[:6:6], f.Tensors[8:]...) }, "state velocity of 1 layers; want 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := model().File()
			tt.change(&f)
			if _, err := Parse(f); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v want … %s …", err, tt.want)
			}
		})
	}
}

func infos(list ...any) (out []Info) {
	for i := 0; i < len(list); i += 2 {
		out = append(out, Info{Name: list[i].(string), Shape: list[i+1].([]int)})
	}
	return out
}

func TestMatch(t *testing.T) {
	want := infos(Weight(0), []int{4, 3}, Bias(0), []int{4}, Weight(1), []int{2, 4}, Bias(1), []int{2})
	for _, tt := range []struct {
		name   string
		file   []Info
		from   []string
		byName bool
		err    string
	}{
		{
			"by name", infos("optim.m."+Weight(0), []int{4, 3}, Bias(1), []int{2}, Weight(1), []int{2, 4}, Bias(0), []int{4}, Weight(0), []int{4, 3}),
			[]string{Weight(0), Bias(0), Weight(1), Bias(1)}, true, "",
		}, {
			"by order, numbers by value", infos("net.10.bias", []int{2}, "net.10.weight", []int{2, 4}, "net.2.bias", []int{4}, "net.2.weight", []int{4, 3}),
			[]string{"net.2.weight", "net.2.bias", "net.10.weight", "net.10.bias"}, false, "",
		},
		{"another shape by name", infos(Weight(0), []int{4, 3}, Bias(0), []int{4}, Weight(1), []int{5, 4}, Bias(1), []int{5}), nil, false, "tensor layers.1.weight: shape [5 4]; want [2 4] for layers.1.weight"},
		{"another shape by order", infos("a", []int{3, 4}, "b", []int{4}), nil, false, "tensor a: shape [3 4]; want [4 3] for layers.0.weight"},
		{"too few", infos("a", []int{4, 3}, "b", []int{4}, "optim.c", []int{2, 4}), nil, false, "no tensor for layers.1.weight; want one of shape [2 4]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pairs, byName, err := Match(want, tt.file)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v want … %s …", err, tt.err)
				}
				return
			}
			var from []string
			for i, p := range pairs {
				if from = append(from, p.From.Name); p.Name != want[i].Name {
					t.Errorf("pair %d is for %s; want %s", i, p.Name, want[i].Name)
				}
			}
			if d := cmp.Diff(tt.from, from); err != nil || byName != tt.byName || d != "" {
				t.Errorf("got error %v, by name %v; want and got differ:\n%s", err, byName, d)
			}
		})
	}
}
