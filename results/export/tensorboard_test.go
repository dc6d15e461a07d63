package export

import (
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/metric/tfevents"
	"github.com/trawl-sweep/trawl/sweep"
)

// A tree is a message by the numbers of its fields, read by the protobuf module.
type tree map[protowire.Number][]any // []byte or uint64

func parse(t *testing.T, b []byte) tree {
	t.Helper()
	m := tree{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatalf("no tag in %x", b)
		}
		b = b[n:]
		var v any
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(b)
			v = uint64(x)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(b)
		}
		if n < 0 {
			t.Fatalf("field %d: broken", num)
		}
		b = b[n:]
		m[num] = append(m[num], v)
	}
	return m
}

func (m tree) sub(t *testing.T, path ...protowire.Number) tree {
	t.Helper()
	for _, num := range path {
		b, ok := m.one(num).([]byte)
		if !ok {
			t.Fatalf("no message at %v", path)
		}
		m = parse(t, b)
	}
	return m
}

func (m tree) one(num protowire.Number) any {
	if len(m[num]) != 1 {
		return nil
	}
	return m[num][0]
}

func (m tree) text(num protowire.Number) string { b, _ := m.one(num).([]byte); return string(b) }

func (m tree) double(num protowire.Number) float64 {
	x, ok := m.one(num).(uint64)
	if !ok {
		return 0
	}
	return math.Float64frombits(x)
}

// records reads an event file as TFRecords, checksums left to tfevents.
func records(t *testing.T, path string) (events []tree) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	for len(b) > 0 {
		n := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		events = append(events, parse(t, b[12:12+n]))
		b = b[12+n+4:]
	}
	return events
}

// values are the Summary.Values of a file by their tags, for those that have
// one.
func values(t *testing.T, path string) map[string]tree {
	t.Helper()
	events := records(t, path)
	if events[0].text(3) != "brain.Event:2" || events[0].double(1) == 0 {
		t.Errorf("%s begins with %v", path, events[0])
	}
	out := map[string]tree{}
	for _, e := range events[1:] {
		v := e.sub(t, 5, 1)
		out[v.text(1)] = v
	}
	return out
}

// hparams are the fields of HParamsPluginData in a value.
func hparams(t *testing.T, v tree) tree {
	t.Helper()
	if x := v.sub(t, 8); x.one(1) != uint64(1) || len(x.sub(t, 2)[2]) != 1 || v.sub(t, 9).one(4) != uint64(2) {
		t.Errorf("tensor %v, metadata %v; want no elements, of floats", x, v.sub(t, 9))
	}
	data := v.sub(t, 9, 1)
	if data.text(1) != "hparams" {
		t.Fatalf("plugin %q", data.text(1))
	}
	return data.sub(t, 2)
}

func only(t *testing.T, dir string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	must(t, err)
	if len(all) != 1 {
		t.Fatalf("%s: files %v", dir, all)
	}
	return all[0]
}

func board1(t *testing.T, spec *sweep.Spec, f results.Filter) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "board")
	r := demo(t, spec, demoTrials())
	if _, err := TensorBoard(t.Context(), r, spec, "demo", dir, f); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Our own reader finds the metrics, in single precision, with good checksums.
func TestTensorBoardScalars(t *testing.T) {
	dir := board1(t, demoSpec(t, "demo", sweep.Minimize), results.Filter{})
	got := map[string][]tfevents.Scalar{}
	tfevents.Find(dir, func(path, run string) {
		f, err := os.Open(path)
		must(t, err)
		defer f.Close()
		st, err := f.Stat()
		must(t, err)
		var r tfevents.Reader
		must(t, r.Read(f, st.Size(), func() bool { return true }, func(s tfevents.Scalar) { got[run] = append(got[run], s) }))
		if r.Offset != st.Size() {
			t.Errorf("%s: read to %d of %d", path, r.Offset, st.Size())
		}
	})
	if runs := slices.Sorted(maps.Keys(got)); strings.Join(runs, " ") != "trial-1 trial-2 trial-4 trial-5 trial-6 trial-8" {
		t.Errorf("runs with scalars: got %v", runs)
	}
	want := demoTrials()[0].post
	if len(got["trial-1"]) != len(want) {
		t.Fatalf("got %v, want %v", got["trial-1"], want)
	}
	for i, r := range want {
		if s := got["trial-1"][i]; s.Tag != r.Name || s.Step != r.Step || !same(s.Value, float64(float32(r.Value))) {
			t.Errorf("got %v, want %v", s, r)
		}
	}
}

// The numbers of fields are those of plugin_data.proto, api.proto, struct.proto.
func TestTensorBoardSession(t *testing.T) {
	dir := board1(t, demoSpec(t, "demo", sweep.Minimize), results.Filter{})
	v := values(t, only(t, filepath.Join(dir, "trial-1")))
	start := hparams(t, v["_hparams_/session_start_info"]).sub(t, 3)
	if start.double(5) != 1_800_000_000.25 || start.text(4) != "" {
		t.Errorf("start: got %v", start)
	}
	got := map[string]any{}
	for _, raw := range start[1] {
		entry := parse(t, raw.([]byte))
		value := entry.sub(t, 2)
		switch {
		case value[2] != nil:
			got[entry.text(1)] = value.double(2)
		case value[3] != nil:
			got[entry.text(1)] = value.text(3)
		case value[4] != nil:
			got[entry.text(1)] = value.one(4) == uint64(1)
		}
	}
	want := map[string]any{"k": 1.0, "lr": 0.1, "opt": "sgd", "q": 0.3, "rho": 0.9, "steps": 1000.0, "w": -5.5, "warmup": 7.0, "width": 64.0, "x": 0.5}
	if !maps.Equal(got, want) {
		t.Errorf("parameters: got %v, want %v", got, want)
	}
	for trial, status := range map[string]uint64{"trial-1": 1, "trial-2": 1, "trial-3": 2, "trial-4": 2, "trial-6": 0, "trial-7": 0} {
		v, ended := values(t, only(t, filepath.Join(dir, trial)))["_hparams_/session_end_info"]
		if ended != (status > 0) {
			t.Errorf("%s: an end: got %v", trial, ended)
		} else if ended {
			if end := hparams(t, v).sub(t, 4); end.one(1) != status || end.double(2) != 1_800_000_010.5 {
				t.Errorf("%s: end: got %v, want status %d", trial, end, status)
			}
		}
	}
}

func TestTensorBoardExperiment(t *testing.T) {
	spec := demoSpec(t, "demo", sweep.Minimize)
	spec.Objectives[0].Reduce = sweep.Best
	dir := board1(t, spec, results.Filter{States: []sweep.State{sweep.Finished}})
	x := hparams(t, values(t, only(t, dir))["_hparams_/experiment"]).sub(t, 2)
	if x.text(6) != "demo" || x.double(3) != 1_800_000_000 {
		t.Errorf("name and time: got %v", x)
	}
	var metrics []string
	for _, raw := range x[5] {
		metrics = append(metrics, parse(t, raw.([]byte)).sub(t, 1).text(2))
	}
	if got := strings.Join(metrics, ", "); got != "loss (best), loss, acc" {
		t.Errorf("metrics: got %s", got)
	}
	infos := map[string]tree{}
	for _, raw := range x[4] {
		info := parse(t, raw.([]byte))
		infos[info.text(1)] = info
	}
	if n := len(infos); n != 10 {
		t.Errorf("got %d parameters, want 10", n)
	}
	if i := infos["lr"].sub(t, 6); infos["lr"].one(4) != uint64(3) || i.double(1) != 1e-8 || i.double(2) != 1 {
		t.Errorf("lr: got %v", infos["lr"])
	}
	if i := infos["warmup"].sub(t, 6); i.double(1) != 7 || i.double(2) != 7 {
		t.Errorf("warmup: got %v", infos["warmup"])
	}
	var choices []string
	for _, raw := range infos["opt"].sub(t, 5)[1] {
		choices = append(choices, parse(t, raw.([]byte)).text(3))
	}
	if got := strings.Join(choices, "|"); infos["opt"].one(4) != uint64(1) || got != `sgd|ädam "x"|3|2.5|True|None` {
		t.Errorf("opt: got %s", got)
	}
	if r := infos["rho"]; r.one(4) != uint64(3) || len(r.sub(t, 5)[1]) != 2 || parse(t, r.sub(t, 5)[1][0].([]byte)).double(2) != 0.9 {
		t.Errorf("rho: got %v", r)
	}
	if v := values(t, only(t, filepath.Join(dir, "trial-8")))["loss (best)"]; math.Float32frombits(uint32(v.one(2).(uint64))) != 0.125 {
		t.Errorf("the reduced objective: got %v", v)
	}
}

func TestTensorBoardGroups(t *testing.T) {
	spec := demoSpec(t, "demo", sweep.Minimize)
	spec.Repeats = sweep.Repeats{Parameter: "warmup", Seeds: []int64{1, 2}} // stands in for a seed
	dir := board1(t, spec, results.Filter{})
	start := hparams(t, values(t, only(t, filepath.Join(dir, "trial-2")))["_hparams_/session_start_info"]).sub(t, 3)
	if start.text(4) != "point 2" || len(start[1]) != 8 {
		t.Errorf("got group %q, %d parameters", start.text(4), len(start[1]))
	}
}

func TestTensorBoardWhere(t *testing.T) {
	spec := demoSpec(t, "demo", sweep.Minimize)
	r := demo(t, spec, demoTrials())
	dir := t.TempDir() // there, and empty
	n, err := TensorBoard(t.Context(), r, spec, "demo", dir, results.Filter{Where: "k = 2"})
	if err != nil || n != 1 {
		t.Fatalf("got %d, %v", n, err)
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	if len(files) != 2 {
		t.Errorf("got %v", files)
	}
	if _, err := TensorBoard(t.Context(), r, spec, "demo", dir, results.Filter{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
