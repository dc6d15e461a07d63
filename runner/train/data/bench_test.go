package data

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// digits are n images of 28 × 28 pixels, a fifth of them not blank, with labels.
func digits(n int) map[string]string {
	rng := rand.New(rand.NewPCG(1, 2))
	px := make([]byte, n*784)
	for i := range px {
		if rng.Uint32()%5 == 0 {
			px[i] = byte(rng.Uint32())
		}
	}
	y := make([]byte, n)
	for i := range y {
		y[i] = byte(i % 10)
	}
	return map[string]string{
		"train-images-idx3-ubyte": string(idx(magicImages, []uint32{uint32(n), 28, 28}, px...)),
		"train-labels-idx1-ubyte": string(idx(magicLabels, []uint32{uint32(n)}, y...)),
	}
}

// floats is a CSV file of rows × cols numbers of 8 digits.
func floats(rows, cols int) string {
	rng := rand.New(rand.NewPCG(3, 4))
	var b bytes.Buffer
	for i := range rows {
		for range cols {
			b.Write(strconv.AppendFloat(nil, rng.NormFloat64(), 'f', 8, 64))
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d\n", i%3)
	}
	return b.String()
}

// 64 trials with seeds, splits and scalings of their own share one copy of
// 60,000 × 784 bytes: each adds its row numbers and 784 scales and shifts.
func TestMemoryOf64Trials(t *testing.T) {
	px := bytes.Repeat([]byte("pixel"), 60_000*784/5)
	src := &Source{Dirs: []string{write(t, map[string]string{
		"train-images-idx3-ubyte": string(idx(magicImages, []uint32{60_000, 28, 28}, px...)),
		"train-labels-idx1-ubyte": string(idx(magicLabels, []uint32{60_000}, make([]byte, 60_000)...)),
	})}}
	px = nil
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / 1e6
	}
	before := heap()
	sets := make([]*Set, 64)
	for i := range sets {
		var err error
		sets[i], err = src.Open(".", Options{Seed: int64(i), Split: Split{Train: 50_000, Val: 10_000, Shuffle: true}})
		if err != nil {
			t.Fatal(err)
		}
	}
	took := heap() - before
	t.Logf("%.1f MB for 64 sets of 47.0 MB of pixels", took)
	if took > 70 {
		t.Errorf("64 sets take %.1f MB; want at most 70: 47.0 of pixels, 0.25 each", took)
	}
	runtime.KeepAlive(sets)

	sets = nil
	if rest := heap() - before; rest > 52 {
		t.Errorf("unused sets are kept: %.1f MB; want the pixels and the last 8", rest)
	}
	runtime.KeepAlive(src)
}

func BenchmarkOpen(b *testing.B) {
	mnist := digits(10_000)
	var rows strings.Builder
	px := mnist["train-images-idx3-ubyte"][16:]
	for i := range 2000 {
		for _, v := range []byte(px[784*i : 784*i+784]) {
			rows.WriteString(strconv.Itoa(int(v)) + ",")
		}
		rows.WriteString(strconv.Itoa(i%10) + "\n")
	}
	packed := map[string]string{}
	for name, text := range mnist {
		packed[name+".gz"] = string(zipped([]byte(text)))
	}
	for _, bb := range []struct {
		name, open string
		files      map[string]string
		size       int
		o          Options
	}{
		{"format=idx", ".", mnist, len(px), Options{}},
		{"format=idx.gz", ".", packed, len(px), Options{}},
		{"format=csv/cells=bytes", "x.csv", map[string]string{"x.csv": rows.String()}, rows.Len(), Options{}},
		{"format=csv/cells=floats", "x.csv", map[string]string{"x.csv": floats(20_000, 20)}, len(floats(20_000, 20)), Options{}},
		{"format=csv.gz/cells=floats", "x.csv.gz", map[string]string{"x.csv.gz": string(zipped([]byte(floats(20_000, 20))))}, len(floats(20_000, 20)), Options{}},
		{"format=libsvm", "x.svm", map[string]string{"x.svm": wide(20_000, 30, 3000)}, len(wide(20_000, 30, 3000)), Options{}},
		{"format=idx/standardize", ".", mnist, len(px), Options{Standardize: true}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			dir := write(b, bb.files)
			b.SetBytes(int64(bb.size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (&Source{Dirs: []string{dir}}).Open(bb.open, bb.o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGather(b *testing.B) {
	s, err := (&Source{Dirs: []string{write(b, digits(2000))}}).Open(".", Options{})
	if err != nil {
		b.Fatal(err)
	}
	rows, dst, scratch := run(0, 128), make([]float32, 128*784), make([]float32, 784)
	for _, bb := range []struct {
		name string
		a    Augment
	}{{"augment=none", Augment{}}, {"augment=shift,flip", Augment{Shift: 2, Flip: true}}, {"augment=noise", Augment{Noise: 0.1}}} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(128 * 784)
			b.ReportAllocs()
			for b.Loop() {
				Apply(bb.a, s, 1, 1, rows, dst, scratch)
			}
		})
	}
}
