package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/trawl-sweep/trawl/configs/examples"
)

func idx(magic uint32, dims []uint32, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, magic)
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, body...)
}

func zipped(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

// two images of 1 × 3 pixels, labels 1 and 0.
var (
	images = idx(magicImages, []uint32{2, 1, 3}, 0, 7, 255, 9, 0, 0)
	labels = idx(magicLabels, []uint32{2}, 1, 0)
)

func folder(files map[string][]byte) fstest.MapFS {
	m := fstest.MapFS{}
	for name, b := range files {
		m[name] = &fstest.MapFile{Data: b, Mode: 0o644}
	}
	return m
}

func TestReadFolder(t *testing.T) {
	plain := map[string][]byte{"t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels}
	packed := map[string][]byte{"t10k-images-idx3-ubyte.gz": zipped(images), "t10k-labels-idx1-ubyte.gz": zipped(labels)}
	both := map[string][]byte{"t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels,
		"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels}
	for _, tt := range []struct {
		name     string
		files    map[string][]byte
		n, train int
	}{{"plain", plain, 2, 0}, {"gzip", packed, 2, 0}, {"train and test", both, 4, 2}} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ReadFolder(folder(tt.files))
			if err != nil {
				t.Fatal(err)
			}
			if s.Len() != tt.n || s.Train != tt.train || s.Features != 3 || s.Classes != 2 {
				t.Errorf("got n=%d train=%d d=%d c=%d", s.Len(), s.Train, s.Features, s.Classes)
			}
			x := s.Example(0)
			if !slices.Equal(x.Index, []uint16{1, 2}) || !slices.Equal(x.Value, []uint8{7, 255}) || s.Label(0) != 1 {
				t.Errorf("example 0: got %v %v label %d", x.Index, x.Value, s.Label(0))
			}
			if x := s.Example(1); !slices.Equal(x.Index, []uint16{0}) || s.Label(1) != 0 {
				t.Errorf("example 1: got %v %v label %d", x.Index, x.Value, s.Label(1))
			}
		})
	}
}

func TestReadFolderErrors(t *testing.T) {
	huge := uint32(1 << 31)
	for _, tt := range []struct {
		name           string
		images, labels []byte
		want           string
	}{
		{"no files", nil, nil, "want a folder of IDX files"},
		{"no labels", images, nil, "t10k-labels-idx1-ubyte"},
		{"empty", []byte{}, labels, "not an IDX file"},
		{"text", []byte("label,pixel\n1,2,3,4,5,6,7,8"), labels, "want an IDX file of images"},
		{"labels for images", labels, labels, "not an IDX file"},
		{"image cut off", images[:len(images)-1], labels, "ends within image 2 of 2"},
		{"image goes on", append(slices.Clone(images), 1), labels, "goes on after"},
		{"label cut off", images, labels[:len(labels)-1], "ends after 1 of 2 labels"},
		{"gzip cut off", zipped(images)[:30], labels, "unexpected EOF"},
		{"gzip damaged", append(zipped(images)[:len(zipped(images))-6], 0, 0, 0, 0, 0, 0), labels, "gzip"},
		{"more labels", images, idx(magicLabels, []uint32{3}, 1, 0, 1), "2 images with 3 labels"},
		{"no images at all", idx(magicImages, []uint32{0, 1, 1}), labels, "0 images"},
		{"too many images", idx(magicImages, []uint32{huge, 1, 1}), labels, "want 1 to"},
		{"too large images", idx(magicImages, []uint32{2, huge, huge}), labels, "pixels; want 1 to"},
		{"claims to be large", idx(magicImages, []uint32{9_000_000, 100, 100}), labels, "over 4 GiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string][]byte{}
			if tt.images != nil {
				files["t10k-images-idx3-ubyte"] = tt.images
			}
			if tt.labels != nil {
				files["t10k-labels-idx1-ubyte"] = tt.labels
			}
			if tt.images == nil && tt.labels == nil {
				files["README"] = nil
			}
			_, err := ReadFolder(folder(files))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v want … %s …", err, tt.want)
			}
		})
	}
}

func TestSourceFindsAndShares(t *testing.T) {
	start, file := t.TempDir(), t.TempDir()
	dir := filepath.Join(file, "digits")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &Source{Dirs: []string{start, file}}
	if _, err := s.Load("digits"); err == nil {
		t.Error("an empty folder is read")
	}
	for name, b := range map[string][]byte{"t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	got := make([]*Set, 8)
	for i := range got {
		wg.Go(func() {
			name := "digits"
			if i%2 == 1 {
				name = dir
			}
			got[i], _ = s.Load(name)
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] == nil || got[i] != got[0] {
			t.Fatalf("load %d: got %p want the one set %p", i, got[i], got[0])
		}
	}
	for name, want := range map[string]string{
		"nowhere": "no such folder", "mnist": "no such folder",
		filepath.Join(dir, "t10k-labels-idx1-ubyte"): "not built yet",
	} {
		if _, err := s.Load(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v want … %s …", name, err, want)
		}
	}
}

// The embedded set: counts of LeCun's test set, 980 zeros and 1,135 ones.
func TestEmbedded(t *testing.T) {
	s, err := (&Source{Embedded: examples.FS}).Load("mnist")
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 10_000 || s.Features != 784 || s.Classes != 10 || s.Train != 0 {
		t.Errorf("got n=%d d=%d c=%d train=%d", s.Len(), s.Features, s.Classes, s.Train)
	}
	count := make([]int, 10)
	for i := range s.Len() {
		count[s.Label(i)]++
	}
	if count[0] != 980 || count[1] != 1135 || s.Label(0) != 7 {
		t.Errorf("labels: got %v, the first %d", count, s.Label(0))
	}
}

func FuzzReadImages(f *testing.F) {
	for _, b := range [][]byte{images, zipped(images), images[:10], labels, nil} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &Set{}
		if err := readImages(s, io.LimitReader(bytes.NewReader(b), 1<<16)); err != nil {
			return
		}
		for i := range len(s.start) - 1 {
			if x := s.Example(i); len(x.Index) != len(x.Value) || len(x.Index) > s.Features {
				t.Fatalf("example %d: %d places, %d values, %d features", i, len(x.Index), len(x.Value), s.Features)
			}
		}
	})
}
