package metric

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/trawl-sweep/trawl/sweep"
)

// show prints reports as name@step=value words.
func show(rs []sweep.Report) string {
	var b []string
	for _, r := range rs {
		b = append(b, fmt.Sprintf("%s@%d=%v", r.Name, r.Step, r.Value))
	}
	return strings.Join(b, " ")
}

func parser(t testing.TB, patterns ...string) *Parser {
	t.Helper()
	p, err := New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lines reads each line and returns all that it reports.
func lines(p *Parser, ls ...string) string {
	var out []sweep.Report
	for _, l := range ls {
		p.Line([]byte(l), 1, func(r sweep.Report) { out = append(out, r) })
	}
	return show(out)
}

func TestJSON(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	list := func(n int) string { return `{"x":1,"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	tests := []struct {
		name, line, want string
	}{
		{"plain", `{"step": 3, "loss": 0.41}`, "loss@3=0.41"},
		{"spaces and break", " \t{ \"loss\" : 1 , \"acc\" : 2 } \r\n", "loss@0=1 acc@0=2"},
		{"step behind", `{"loss": 1, "step": 7}`, "loss@7=1"},
		{"nested", `{"train": {"loss": 1, "b": {"c": 2}}, "v": 3, "step": 1}`, "train/loss@1=1 train/b/c@1=2 v@1=3"},
		{"nested step is a metric", `{"train": {"step": 4, "loss": 1}}`, "train/step@0=4 train/loss@0=1"},
		{"empty names", `{"": 1, "a": {"": 2}, "": {"a": 3}}`, "a/@0=2 /a@0=3"},
		{"ignored kinds", `{"a": "x", "b": null, "c": true, "d": false, "e": [1, {"f": 2}, "]", null, nan], "g": 1}`, "g@0=1"},
		{"bare specials", `{"a": NaN, "b": Infinity, "c": -Infinity, "d": nan, "e": inf, "f": -inf, "g": 1e400, "h": -1e400, "i": -nan}`,
			"a@0=NaN b@0=+Inf c@0=-Inf d@0=NaN e@0=+Inf f@0=-Inf g@0=+Inf h@0=-Inf i@0=NaN"},
		{"numbers", `{"a": -0.5, "b": 1e-5, "c": 1E+3, "d": 12345678901234567890, "e": 0.1234567890123456789, "f": 0, "g": 1e-400}`,
			"a@0=-0.5 b@0=1e-05 c@0=1000 d@0=1.2345678901234567e+19 e@0=0.12345678901234568 f@0=0 g@0=0"},
		{"last duplicate", `{"loss": 1, "a": 2, "loss": 3}`, "loss@0=3 a@0=2"},
		{"escapes", `{"a\"b\\c\/d": 1, "\u00e9\ud83d\ude00": 2}`, `a"b\c/d@0=1 é😀@0=2`},
		{"unprintable names", "{\"a\\u0000\\n\": 1, \"\xff\": 2, \"\\ud800\": 3}", "a\ufffd\ufffd@0=1 \ufffd@0=3"},
		{"negative step", `{"step": -1, "loss": 1}`, "loss@0=1"},
		{"step with a fraction", `{"step": 2.5, "loss": 1}`, "loss@0=1"},
		{"step as a float", `{"step": 2.0, "loss": 1}`, "loss@2=1"},
		{"step of text", `{"step": "2", "loss": 1}`, "loss@0=1"},
		{"step nan", `{"step": NaN, "loss": 1}`, "loss@0=1"},
		{"huge step", `{"step": 1e300, "loss": 1}`, "loss@0=1"},
		{"step alone", `{"step": 2}`, ""},
		{"empty", `{}`, ""},
		{"32 deep", deep(32), strings.Repeat("a/", 31) + "a@0=1"},
		{"33 deep", deep(33), ""},
		{"list 31 deep", list(31), "x@0=1"},
		{"list 32 deep", list(32), ""},
		{"long name", `{"` + strings.Repeat("a", 256) + `": 1, "` + strings.Repeat("b", 257) + `": 2, "` + strings.Repeat("é", 300) + `": 3}`,
			strings.Repeat("a", 256) + "@0=1"},
		{"names without quotes", `{loss:0.5, train: {acc_2: 1, a/b.c-d: 2}, step: 3}`, "loss@3=0.5 train/acc_2@3=1 train/a/b.c-d@3=2"},
		{"text around", `loss {"loss": 1}`, ""},
		{"text behind", `{"loss": 1} x`, ""},
		{"list", `[{"loss": 1}]`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := lines(parser(t), tt.line); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestInvalidJSON(t *testing.T) {
	for _, line := range []string{`{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{a 1}`, `{1a:1}`, `{-a:1}`, `{a b:1}`, `{a:b}`, `{:1}`, `{'a':1}`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`,
		`{"a":+1}`, `{"a":1e}`, `{"a":1e+}`, `{"a":-}`, `{"a":1_0}`, `{"a":0x1}`, `{"a":NaNs}`, `{"a":None}`, `{"a":tru}`, `{"a":1}}`, `{"b":2,"a":"x}`,
		`{"b":2,"a":"\x"}`, `{"b":2,"a\u12":1}`, "{\"b\":2,\"a\n\":1}", "{\"b\":2,\"a\":\"\t\"}", `{"b":2,"a":[1,]}`, `{"b":2,"a":[}`, `{"b":2,"a":[1 2]}`,
		`{"b":2,"a":[`, `{"b":2 "a":3}`, `{"b":2,"a":"\u12g4"}`, `{"b":2,"a":"\`, `{"b":2,"a":[{"c":]}]}`} {
		if got := lines(parser(t), line); got != "" {
			t.Errorf("%s: got %s, want nothing", line, got)
		}
	}
}

func TestImplicitSteps(t *testing.T) {
	p := parser(t)
	got := lines(p, `{"loss":1}`, `{"loss":2,"acc":3}`, `{"loss":4,"step":9}`, `{"loss":5,"acc":6}`, `{"loss":7,"step":3}`, `{"loss":8}`, `{"bad":1`, `{"loss":9,"loss":10}`)
	want := "loss@0=1 loss@1=2 acc@0=3 loss@9=4 loss@10=5 acc@1=6 loss@3=7 loss@11=8 loss@12=10"
	if got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	state := p.State()
	if want := `{"acc":1,"loss":12}`; state != want {
		t.Fatalf("State: got %s, want %s", state, want)
	}
	q := parser(t)
	if err := q.Restore(state); err != nil {
		t.Fatal(err)
	}
	if got, want := lines(q, `{"loss":1,"acc":2,"new":3}`), "loss@13=1 acc@2=2 new@0=3"; got != want {
		t.Errorf("after Restore: got %s, want %s", got, want)
	}
	if got, want := q.State(), `{"acc":2,"loss":13,"new":0}`; got != want {
		t.Errorf("State: got %s, want %s", got, want)
	}
	if err := q.Restore("no"); err == nil {
		t.Error("Restore of no JSON: got nil, want an error")
	}
	if err := q.Restore(""); err != nil || q.State() != "{}" {
		t.Errorf("Restore of nothing: got %v and %s, want {}", err, q.State())
	}
}

func TestLimits(t *testing.T) {
	var b strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&b, `,"m%d":%d`, i, i)
	}
	line := "{" + b.String()[1:] + "}"
	n := 0
	parser(t).Line([]byte(line), 0, func(sweep.Report) { n++ })
	if n != maxLine {
		t.Errorf("numbers of a line: got %d, want %d", n, maxLine)
	}
	p, n := parser(t), 0
	for i := range maxNames + 10 {
		p.Line(fmt.Appendf(nil, `{"m%d": 1}`, i), 0, func(sweep.Report) { n++ })
	}
	if n != maxNames {
		t.Errorf("names of a trial: got %d, want %d", n, maxNames)
	}
}

func TestPatterns(t *testing.T) {
	const fairseq = `end of epoch +(?P<step>\d+) .* valid loss +(?P<val_loss>\S+)`
	tests := []struct {
		name     string
		patterns []string
		line     string
		want     string
	}{
		{"step and value", []string{fairseq}, "| end of epoch   3 | time: 1s | valid loss  5.41 | ppl 2", "val_loss@3=5.41"},
		{"no match", []string{fairseq}, "loss 3", ""},
		{"percent as written", []string{`acc (?P<acc>\S+)`}, "acc 83.5%", "acc@0=83.5"},
		{"thousands", []string{`tok (?P<tok>\S+) step (?P<step>\S+)`}, "tok 1,234,567.5 step 1,024", "tok@1024=1.2345675e+06"},
		{"comma behind", []string{`loss (?P<loss>\S+) acc (?P<acc>\S+)`}, "loss 0.5, acc 3%;", "loss@0=0.5 acc@0=3"},
		{"specials", []string{`loss=(?P<loss>\S+)`}, "loss=nan loss=-inf loss=Infinity loss=+1e400", "loss@0=NaN loss@1=-Inf loss@2=+Inf loss@3=+Inf"},
		{"not numbers", []string{`loss=(?P<loss>\S+)`}, "loss=x loss=1_000 loss=0x1p-2 loss=1,5 loss=12,34 loss=% loss= loss=1.2.3", ""},
		{"optional group", []string{`loss (?P<loss>\S+)(?: acc (?P<acc>\S+))?`}, "loss 1\r\n", "loss@0=1"},
		{"alternatives", []string{`(?:a (?P<v>\d+)|(?P<step>\d+): b (?P<v>\d+)|c (?P<v>\d+) (?P<step>\d+))`}, "a 1 7: b 2 c 3 9", "v@0=1 v@7=2 v@9=3"},
		{"empty group", []string{`loss (?P<loss>\d*)`}, "loss x", ""},
		{"step without a number", []string{`s(?P<step>\w+) (?P<loss>\S+)`}, "sx 1", "loss@0=1"},
		{"two patterns", []string{`a=(?P<a>\d+)`, `b=(?P<b>\d+)`}, "a=1 b=2", "a@0=1 b@0=2"},
		{"beside JSON", []string{`"a": (?P<b>\d+)`}, `{"a": 1}`, "a@0=1 b@0=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := lines(parser(t, tt.patterns...), tt.line); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPatternErrors(t *testing.T) {
	for src, want := range map[string]string{
		`(?P<a`: "invalid named capture", `loss (\d+)`: "no named group", `(?P<step>\d+)`: "no named group", `a(`: "missing closing",
	} {
		_, err := New([]string{`(?P<ok>\d)`, src})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), strconv.Quote(src)) {
			t.Errorf("%s: got %v, want …%s…", src, err, want)
		}
	}
}

func TestMetricsLine(t *testing.T) {
	for line, want := range map[string]string{
		"val_loss=0.3 step=2": "val_loss@2=0.3", "step=4 a=1 b=nan c=x d e= =3 a=2": "a@4=2 b@4=NaN", `{"a": 1, "step": 5}`: "a@5=1",
		"": "", "hello": "", "a=.5 b=5. c=+1 d=-inf": "a@0=0.5 b@0=5 c@0=1 d@0=-Inf", `{"a": 1`: "", "a=1_0 b=0x1": "", "step=3": "", "step=-3 a=1": "a@0=1",
	} {
		var out []sweep.Report
		parser(t, `(?P<p>\d)`).MetricsLine([]byte(line), 1, func(r sweep.Report) { out = append(out, r) })
		if got := show(out); got != want {
			t.Errorf("%q: got %s, want %s", line, got, want)
		}
	}
}

func TestParseArgs(t *testing.T) {
	s, err := ParseArgs([]string{"val_loss=0.3", "step=2", "a/b=-inf", "name with space=1e400"})
	if err != nil || s.Step != 2 || fmt.Sprint(s.Values) != "[{val_loss 0.3} {a/b -Inf} {name with space +Inf}]" {
		t.Errorf("got %v, %v", s, err)
	}
	if s, err := ParseArgs([]string{"a=1"}); err != nil || s.Step != -1 {
		t.Errorf("without a step: got %v, %v, want step -1", s, err)
	}
	for _, bad := range []string{"a", "=1", "a=", "a=x", "a=1_0", "step=-1", "step=1.5", "step=nan", "step=1", "a\x01=1", strings.Repeat("a", 257) + "=1"} {
		if s, err := ParseArgs([]string{bad}); err == nil {
			t.Errorf("%q: got %v, want an error", bad, s)
		}
	}
}

func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				err := Append(path, Sample{Step: int64(i), Values: []Value{{"loss", float64(i) / 3}, {"n\"é", math.NaN()}, {"up", math.Inf(1)}, {"down", math.Inf(-1)}}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := Append(path, Sample{Step: -1, Values: []Value{{"loss", 1e-7}}}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(all) != 401 {
		t.Fatalf("got %d lines, want 401", len(all))
	}
	p := parser(t)
	for _, l := range all[:400] {
		var out []sweep.Report
		p.MetricsLine([]byte(l), 0, func(r sweep.Report) { out = append(out, r) })
		if len(out) != 4 || out[0].Value != float64(out[0].Step)/3 || show(out[1:]) != fmt.Sprintf("n\"é@%d=NaN up@%[1]d=+Inf down@%[1]d=-Inf", out[0].Step) {
			t.Fatalf("%s: got %s", l, show(out))
		}
	}
	if want := `{"loss": 1e-07}`; all[400] != want {
		t.Errorf("got %s, want %s", all[400], want)
	}
	if err := Append(filepath.Join(t.TempDir(), "no", "file"), Sample{}); err == nil {
		t.Error("a folder that is not there: got nil, want an error")
	}
}

// Numbers that encoding/json writes come back to the bit, at any length.
func TestNumbersRoundTrip(t *testing.T) {
	p := parser(t)
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64().Draw(t, "v")
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Skip()
		}
		format := rapid.SampledFrom([]byte{'e', 'f', 'g'}).Draw(t, "format")
		text := strconv.FormatFloat(v, format, -1, 64)
		got := math.NaN()
		p.Line([]byte(`{"a":`+text+`}`), 0, func(r sweep.Report) { got = r.Value })
		if math.Float64bits(got) != math.Float64bits(v) {
			t.Fatalf("%s: got %v, want %v", text, got, v)
		}
		digits := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?`).Draw(t, "digits")
		want, _ := strconv.ParseFloat(digits, 64)
		p.Line([]byte(`{"a":`+digits+`}`), 0, func(r sweep.Report) { got = r.Value })
		if got != want {
			t.Fatalf("%s: got %v, want %v", digits, got, want)
		}
	})
}

// An object of numbers that encoding/json accepts is read as it reads it.
func FuzzLine(f *testing.F) {
	for _, s := range []string{`{"step": 3, "loss": 0.41}`, `{"a": {"b": [1, {"c": NaN}]}, "d": -1e400}`, `{"\ud83d\ude00": 1}`, "loss 5.41 acc 83%", `{"a":"\`, "a=1 step=3",
		"{\"\xff\":1}", `{"a":{"a":{"a":[[[[]]]]}}}`, "loss=1,024% acc nan", `{"a":1,"a":2,"step":-0}`, strings.Repeat(`{"a":`, 40)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		p := parser(t, `(?:loss|acc)[ =](?P<v>\S+)`, `step=(?P<step>\S+) (?P<w>.*)`)
		n := 0
		check := func(r sweep.Report) {
			n++
			if r.Step < 0 || r.Name == "" || len(r.Name) > maxName || !utf8.ValidString(r.Name) || r.At != 7 {
				t.Fatalf("bad report %+v", r)
			}
		}
		p.Line(line, 7, check)
		p.MetricsLine(line, 7, check)
		if !bytes.Equal(line, before) {
			t.Fatal("the line was changed")
		}
		state := p.State()
		q := parser(t)
		if err := q.Restore(state); err != nil || q.State() != state {
			t.Fatalf("Restore(%s): %v, State %s", state, err, q.State())
		}
		var flat map[string]float64
		if json.Unmarshal(line, &flat) != nil || len(flat) > 100 {
			return
		}
		got := map[string]float64{}
		parser(t).Line(line, 7, func(r sweep.Report) { got[r.Name] = r.Value })
		for name, v := range flat {
			if name == "" || name == "step" || len(name) > maxName || sanitize(name) != name || strings.ContainsRune(name, utf8.RuneError) {
				continue
			}
			if g, ok := got[name]; !ok && !bytes.Contains(line, []byte("null")) || ok && g != v {
				t.Fatalf("%q: got %v, want %v", name, g, v)
			}
		}
	})
}

func BenchmarkLine(b *testing.B) {
	for name, line := range map[string]string{
		"short":  `{"step": 3, "loss": 0.41}`,
		"nested": `{"step": 12, "train": {"loss": 0.412345678, "acc": 0.91}, "val": {"loss": 1.5e-3}, "lr": 0.001, "note": "x"}`,
		"text":   "Epoch 12: loss is falling nicely, 300 examples per second",
	} {
		b.Run("line="+name, func(b *testing.B) {
			p := parser(b)
			data := []byte(line)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				p.Line(data, 0, func(sweep.Report) {})
			}
		})
	}
	b.Run("line=pattern", func(b *testing.B) {
		p := parser(b, `end of epoch +(?P<step>\d+) .* valid loss +(?P<val_loss>\S+)`)
		data := []byte("| end of epoch   3 | time: 1s | valid loss  5.41 | ppl 2")
		b.ReportAllocs()
		for b.Loop() {
			p.Line(data, 0, func(sweep.Report) {})
		}
	})
}
