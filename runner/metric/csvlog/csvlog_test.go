package csvlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// follower reads a text as it grows or changes, and is now and then replaced by
// a new one that knows its state alone.
type follower struct {
	Reader
	got, bad []string
}

func (f *follower) read(t *testing.T, text string, end End) error {
	t.Helper()
	err := f.Read(strings.NewReader(text), int64(len(text)), end, func() bool { return true },
		func(name string, step int64, v float64) {
			f.got = append(f.got, fmt.Sprintf("%s %d %v", name, step, v))
		},
		func(line int64, what string) { f.bad = append(f.bad, fmt.Sprintf("%d: %s", line, what)) })
	return err
}

func (f *follower) kill() { f.Reader = Reader{State: f.State} }

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want, bad  []string
	}{
		{"Lightning", "epoch,step,train_loss,val_loss\n0,49,0.5,\n0,99,,0.7\n", []string{"epoch 49 0", "train_loss 49 0.5", "epoch 99 0", "val_loss 99 0.7"}, nil},
		{"Keras", "epoch,accuracy,loss\r\n0,0.5,0.25\r\n1,NaN,inf\r\n", []string{"accuracy 0 0.5", "loss 0 0.25", "accuracy 1 NaN", "loss 1 +Inf"}, nil},
		{"Keras, lists", "epoch;loss;w\n0;0.5;\"[1, 2]\"\n", []string{"loss 0 0.5"}, nil},
		{"tabs", "epoch\tloss, all\n0\t0.5\n", []string{"loss, all 0 0.5"}, nil},
		{"bars, padded", " epoch |  loss \n  1 |  0.5 \n", []string{"loss 1 0.5"}, nil},
		{"ultralytics 8", "                  epoch,         train/box_loss\n                      1,                1.25\n", []string{"train/box_loss 1 1.25"}, nil},
		{"pandas with its index", ",loss,acc\n0,0.5,1\n1,,2\n", []string{"loss 0 0.5", "acc 0 1", "acc 1 2"}, nil},
		{"pandas, saved twice", "Unnamed: 0,loss\n0,0.5\n", []string{"loss 0 0.5"}, nil},
		{"NumPy", "# loss,acc\n1e-3,2.5E1\n", []string{"loss 0 0.001", "acc 0 25"}, nil},
		{"order of steps", "Epoch,Global_Step,loss\n1,7,3\n", []string{"Epoch 7 1", "loss 7 3"}, nil},
		{"no steps", "loss\n3\n\n4\n", []string{"loss 0 3", "loss 1 4"}, nil},
		{"a step that is none", "step,loss\n1.5,3\n-1,4\n,5\n2.0,6\n", []string{"loss -1 3", "loss -1 4", "loss -1 5", "loss 2 6"}, nil},
		{"byte order mark", "\ufeffstep,loss\n1,2\n", []string{"loss 1 2"}, nil},
		{"quotes", "\"step\",\"a \"\"b\"\", c\"\n\"1\",\"2,000.5\"\n", []string{`a "b", c 1 2000.5`}, nil},
		{"a line break in quotes", "step,note,loss\n1,\"a\nb\",2\nx\n", []string{"loss 1 2"}, []string{"4: 1 cells; want 3 as in the header"}},
		{"percent and tensors", "step,acc,loss,x\n1,83%,tensor(0.25),\"tensor(0.5, device='cuda:0')\"\n", []string{"acc 1 83", "loss 1 0.25", "x 1 0.5"}, nil},
		{"text column", "epoch,phase,loss\n0,train,1\n", []string{"loss 0 1"}, nil},
		{"no value", "epoch,loss\n0,1\n1,None\n2,NA\n3,true\n4,2\n", []string{"loss 0 1", "loss 4 2"}, nil},
		{"text among numbers", "epoch,loss\n0,1\n\n1,oops\n2,3\n", []string{"loss 0 1", "loss 2 3"}, []string{`4: loss: "oops" is no number`}},
		{"cells too few and too many", "a,b\n1\n1,2\n1,2,3\n3,4,\n", []string{"a 0 1", "b 0 2", "a 1 3", "b 1 4"}, []string{"2: 1 cells; want 2 as in the header", "4: 3 cells; want 2 as in the header"}},
		{"text behind quotes", "a,b\n\"1\"x,2\n3,4\n", []string{"a 0 3", "b 0 4"}, []string{"2: text behind a closing quote"}},
		{"quotes that do not close", "a,b\n1,2\n\"3,4\n", []string{"a 0 1", "b 0 2"}, nil},
		{"a quote inside a cell", "size,5\" disk\n1,2\n", []string{"size 0 1", "5\" disk 0 2"}, nil},
		{"header again", "step,loss\n1,2\nstep,loss\n1,3\n", []string{"loss 1 2", "loss 1 3"}, nil},
		{"header with more", "step,loss\n1,2\nstep,acc,loss\n2,9,3\n", []string{"loss 1 2", "acc 2 9", "loss 2 3"}, nil},
		{"doubled name", "step,loss,loss\n1,2,3\n", []string{"loss 1 2"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f follower
			if err := f.read(t, tt.text, Running); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(f.got, tt.want) || !slices.Equal(f.bad, tt.bad) {
				t.Errorf("got %q, bad %q; want %q, bad %q", f.got, f.bad, tt.want, tt.bad)
			}
			// Byte by byte, with a new reader each time, it is the same.
			var g follower
			for i := range len(tt.text) + 1 {
				if err := g.read(t, tt.text[:i], Running); err != nil {
					t.Fatalf("%d bytes: %v", i, err)
				}
				if i%3 == 0 {
					g.kill()
				}
			}
			if !slices.Equal(g.got, tt.want) {
				t.Errorf("byte by byte: got %q, want %q", g.got, tt.want)
			}
		})
	}
}

func TestLastLine(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		end        End
		want       int
	}{
		{"running", "a,b\n1,2", Running, 0},
		{"done", "a,b\n1,2", Done, 2},
		{"done, a cell missing", "a,b\n1", Done, 0},
		{"killed", "a,b\n1,2", Cut, 0},
		{"killed, whole", "a,b\n1,2\n", Cut, 2},
		{"header alone", "a,b", Done, 0},
		{"quoted", "a,b\n1,\"2\"", Done, 2},
		{"empty", "", Done, 0},
	} {
		var f follower
		if err := f.read(t, tt.text, tt.end); err != nil || len(f.got) != tt.want || len(f.bad) > 0 {
			t.Errorf("%s: got %q, bad %q, %v; want %d numbers", tt.name, f.got, f.bad, err, tt.want)
		}
	}
}

func TestNoHeader(t *testing.T) {
	for _, text := range []string{"1,2\n3,4\n", ",,\n1,2,3\n", "\n1\n", "0.5\n", "a,\"b\"c\n1,2\n", strings.Repeat("a,", maxColumns+2) + "\n", strings.Repeat("a", 2*maxRow) + ",b\n"} {
		var f follower
		if err := f.read(t, text, Running); !errors.Is(err, ErrHeader) {
			t.Errorf("%.20q: got %v, want ErrHeader", text, err)
		}
	}
}

// Lightning adds a column by writing the file anew, its columns sorted; the
// reader may look while it is half written.
func TestRewrittenWithNewColumn(t *testing.T) {
	old := "epoch,step,train_loss\n0,9,0.5\n0,19,0.25\n"
	anew := "acc,epoch,step,train_loss\n,0,9,0.5\n,0,19,0.25\n"
	for cut := 0; cut <= len(anew); cut++ {
		for _, killed := range []bool{false, true} {
			var f follower
			reads := []string{old, anew[:cut], anew, anew + "0.75,0,29,0.125\n"}
			for _, text := range reads {
				if err := f.read(t, text, Running); err != nil {
					t.Fatal(err)
				}
				if killed {
					f.kill()
				}
			}
			want := []string{"epoch 9 0", "train_loss 9 0.5", "epoch 19 0", "train_loss 19 0.25", "acc 29 0.75", "epoch 29 0", "train_loss 29 0.125"}
			if !slices.Equal(f.got, want) {
				t.Fatalf("cut at %d, killed %v: got %q, want %q", cut, killed, f.got, want)
			}
		}
	}
}

// changing is a file that is written anew while it is read: each text in turn
// for some calls.
type changing struct {
	texts []string
	left  []int // calls until the next text
}

func (c *changing) ReadAt(b []byte, at int64) (int, error) {
	for len(c.left) > 0 && c.left[0] == 0 {
		c.texts, c.left = c.texts[1:], c.left[1:]
	}
	if len(c.left) > 0 {
		c.left[0]--
	}
	return strings.NewReader(c.texts[0]).ReadAt(b, at)
}

func TestWrittenAnewWhileRead(t *testing.T) {
	first := "step,loss\n1,22\n"
	old := first + "3,44\n5,66\n"
	anew := "acc,loss,step\n,22,1\n,44,3\n,66,5\n7,88,7\n"
	want := []string{"loss 1 22", "loss 3 44", "loss 5 66", "acc 7 7", "loss 7 88"}
	for calls := range 16 {
		for _, between := range []string{"", anew[:5], anew[:25], anew} {
			for pause := range 5 {
				var f follower
				if err := f.read(t, first, Running); err != nil {
					t.Fatal(err)
				}
				file := &changing{[]string{old, between, anew}, []int{calls, pause}}
				err := f.Read(file, int64(len(old)), Running, func() bool { return true }, func(name string, step int64, v float64) {
					f.got = append(f.got, fmt.Sprintf("%s %d %v", name, step, v))
				}, func(line int64, what string) { t.Errorf("line %d: %s", line, what) })
				if err != nil {
					t.Fatal(err)
				}
				if err := f.read(t, anew, Done); err != nil || !slices.Equal(f.got, want) || len(f.bad) > 0 {
					t.Fatalf("after %d calls, %q for %d: got %q, bad %q, %v; want %q", calls, between, pause, f.got, f.bad, err, want)
				}
			}
		}
	}
}

func TestAnotherFile(t *testing.T) {
	for _, tt := range []struct {
		name, old, anew string
		had             bool // old was there before the program began
		want            []string
	}{
		{"other rows", "a\n1\n2\n", "a\n3\n", false, []string{"a 0 1", "a 1 2", "a 0 3"}},
		{"a later row differs", "a\n1\n2\n", "a\n1\n5\n6\n", false, []string{"a 0 1", "a 1 2", "a 0 1", "a 1 5", "a 2 6"}},
		{"shorter, alike: half written", "a\n1\n2\n", "a\n1\n", false, []string{"a 0 1", "a 1 2"}},
		{"shorter, alike, of an earlier program", "a\n1\n2\n", "a\n1\n", true, []string{"a 0 1"}},
		{"longer, alike, of an earlier program", "a\n1\n2\n", "a\n1\n2\n3\n", true, []string{"a 2 3"}},
		{"of an earlier program, then half written", "a\n1\n", "a\n1\n2\n", true, []string{"a 1 2"}},
		{"emptied", "a\n1\n", "", false, []string{"a 0 1"}},
		{"same length", "a\n1\n", "a\n2\n", false, []string{"a 0 1", "a 0 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f follower
			if err := f.read(t, tt.old, Running); err != nil {
				t.Fatal(err)
			}
			if tt.had {
				f.got, f.Old = nil, true
			}
			f.kill()
			if err := f.read(t, tt.anew, Running); err != nil {
				t.Fatal(err)
			}
			if f.Old && len(tt.want) > 0 {
				t.Error("rows were taken, but they still count as those of an earlier program")
			}
			if !slices.Equal(f.got, tt.want) {
				t.Errorf("got %q, want %q", f.got, tt.want)
			}
		})
	}
}

func TestLongRow(t *testing.T) {
	long := strings.Repeat("x", 3*maxRow)
	text := "step,note,loss\n1,,2\n2," + long + ",3\n3,,4\n"
	for _, pieces := range []int{1, 5} {
		var f follower
		for i := 1; i <= pieces; i++ {
			if err := f.read(t, text[:len(text)*i/pieces], Running); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"loss 1 2", "loss 3 4"}; !slices.Equal(f.got, want) || len(f.bad) == 0 || !strings.HasPrefix(f.bad[0], "3: more than") {
			t.Errorf("in %d pieces: got %q, bad %q; want %q", pieces, f.got, f.bad, want)
		}
	}
}

func TestMoreBoundsARead(t *testing.T) {
	text := "a\n" + strings.Repeat("1\n", 100)
	var r Reader
	n := 0
	for reads := 1; ; reads++ {
		start := n
		err := r.Read(strings.NewReader(text), int64(len(text)), Running, func() bool { return n < start+7 },
			func(string, int64, float64) { n++ }, func(line int64, what string) { t.Errorf("line %d: %s", line, what) })
		if err != nil {
			t.Fatal(err)
		}
		if n == start {
			if n != 100 || reads < 15 {
				t.Errorf("got %d in %d reads, want 100 in 15", n, reads)
			}
			return
		}
	}
}

// A file that grows, is written anew and read by readers that are killed, gives
// each row once, whatever the pieces.
func TestRowsAreReportedOnce(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var f follower
		var want []string
		columns := []string{"step", "loss"}
		var rows []map[string]string
		text := func() string {
			var b strings.Builder
			b.WriteString(strings.Join(columns, ",") + "\n")
			for _, row := range rows {
				for i, c := range columns {
					if i > 0 {
						b.WriteByte(',')
					}
					b.WriteString(row[c])
				}
				b.WriteByte('\n')
			}
			return b.String()
		}
		for range 60 {
			switch rng.IntN(6) {
			case 0:
				if len(columns) < 6 {
					columns = append(columns, fmt.Sprintf("m%d", len(columns)))
					rng.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
				}
			case 1, 2, 3:
				row := map[string]string{"step": fmt.Sprint(len(rows))}
				for _, c := range columns {
					if c != "step" && (c == "loss" || rng.IntN(2) == 0) {
						row[c] = fmt.Sprint(rng.IntN(10))
						want = append(want, fmt.Sprintf("%s %d %s", c, len(rows), row[c]))
					}
				}
				rows = append(rows, row)
			case 4:
				f.kill()
			}
			shown := text()
			if err := f.read(t, shown[:rng.IntN(len(shown)+1)], Running); err != nil { // half written
				t.Fatal(err)
			}
			if rng.IntN(2) == 0 {
				if err := f.read(t, shown, Running); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := f.read(t, text(), Done); err != nil {
			t.Fatal(err)
		}
		slices.Sort(f.got)
		slices.Sort(want)
		if !slices.Equal(f.got, want) || len(f.bad) > 0 {
			t.Fatalf("seed %d: got %d reports, bad %q; want %d\n%q\n%q", seed, len(f.got), f.bad, len(want), f.got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"epoch,step,loss\n0,1,2\n", "\ufeffa;b\r\n1;\"2\"\r\n", "a,b\n\"1\n2\",3\n", "# a\n1\n", "a|b\n1|\n2", "a\tb\n1\tNaN\na\tc\n3\t4\n", "\"\"\n"} {
		f.Add([]byte(s), len(s)/2, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int, kill bool) {
		text := string(b)
		whole, parts := &follower{}, &follower{}
		err := whole.read(t, text, Done)
		for name, v := range map[string]int64{"offset": whole.Offset, "rows": whole.Rows, "line": whole.Line} {
			if v < 0 || v > int64(len(text)) {
				t.Errorf("%s: got %d in %d bytes", name, v, len(text))
			}
		}
		if cut < 0 || cut > len(text) || err != nil {
			return
		}
		if parts.read(t, text[:cut], Running) != nil {
			return // half of a byte order mark
		}
		if kill {
			parts.kill()
		}
		if err := parts.read(t, text, Done); err != nil || !slices.Equal(parts.got, whole.got) {
			t.Errorf("cut at %d: got %q, %v; want %q", cut, parts.got, err, whole.got)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := "epoch,step,train_loss,val_loss\n" + strings.Repeat("1,23,0.45678,\n2,24,,0.56789\n", 5000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var r Reader
		n := 0
		if err := r.Read(strings.NewReader(text), int64(len(text)), Running, func() bool { return true },
			func(string, int64, float64) { n++ }, func(int64, string) {}); err != nil || n != 20_000 {
			b.Fatal(n, err)
		}
	}
}
