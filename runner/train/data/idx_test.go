package data

import (
	"encoding/binary"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/configs/examples"
)

func idx(magic uint32, dims []uint32, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, magic)
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, body...)
}

// two images of 1 × 3 pixels, labels 1 and 0.
var (
	images = idx(magicImages, []uint32{2, 1, 3}, 0, 7, 255, 9, 0, 0)
	labels = idx(magicLabels, []uint32{2}, 1, 0)
)

func TestIDX(t *testing.T) {
	plain := map[string]string{"t10k-images-idx3-ubyte": string(images), "t10k-labels-idx1-ubyte": string(labels)}
	packed := map[string]string{"t10k-images-idx3-ubyte.gz": string(zipped(images)), "t10k-labels-idx1-ubyte.gz": string(zipped(labels))}
	both := maps.Clone(plain)
	both["train-images-idx3-ubyte"] = string(idx(magicImages, []uint32{3, 1, 3}, slices.Repeat([]byte{5}, 9)...))
	both["train-labels-idx1-ubyte"] = string(idx(magicLabels, []uint32{3}, 0, 1, 2))
	for _, tt := range []struct {
		name, open        string
		files             map[string]string
		o                 Options
		train, val        []int32
		classes, first, n int
	}{
		{"plain", ".", plain, Options{Split: Split{Train: 1, Val: 1}}, []int32{0}, []int32{1}, 2, 1, 2},
		{"gzip", ".", packed, Options{Split: Split{Train: 1, Val: 1}}, []int32{0}, []int32{1}, 2, 1, 2},
		{"one file named", "t10k-images-idx3-ubyte", plain, Options{Split: Split{Train: 1, Val: 1}}, []int32{0}, []int32{1}, 2, 1, 2},
		{"train and test", ".", both, Options{}, []int32{0, 1, 2}, []int32{3, 4}, 3, 0, 5},
		{"train and test, divided otherwise", ".", both, Options{Split: Split{Train: 1, Val: 2}}, []int32{0}, []int32{1, 2}, 3, 0, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := (&Source{Dirs: []string{write(t, tt.files)}}).Open(tt.open, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "train", s.Train, tt.train)
			same(t, "val", s.Val, tt.val)
			h, w, ok := s.Image()
			u8, _, _ := s.Dense()
			if s.Len() != tt.n || s.Classes != tt.classes || s.Label(0) != tt.first || h != 1 || w != 3 || !ok {
				t.Errorf("got n=%d c=%d first=%d image %d × %d", s.Len(), s.Classes, s.Label(0), h, w)
			}
			same(t, "pixels", u8[len(u8)-6:], images[16:])
			same(t, "a row", rows(s)[tt.n-1], []float64{float64(9 * (1. / 255)), 0, 0})
		})
	}
}

func TestIDXErrors(t *testing.T) {
	huge := uint32(1 << 31)
	for _, tt := range []struct {
		name           string
		images, labels []byte
		want           string
	}{
		{"no files", nil, nil, "a folder without train-images"},
		{"no labels", images, nil, "t10k-labels-idx1-ubyte"},
		{"empty", []byte{}, labels, "not an IDX file"},
		{"text", []byte("label,pixel\n1,2,3,4,5,6,7,8"), labels, "want an IDX file of images"},
		{"labels for images", labels, labels, "not an IDX file"},
		{"images for labels", images, images, "t10k-labels-idx1-ubyte: begins with 0x00000803; want an IDX file of labels"},
		{"image cut off", images[:len(images)-1], labels, "ends within image 2 of 2"},
		{"image goes on", append(slices.Clone(images), 1), labels, "goes on after"},
		{"label cut off", images, labels[:len(labels)-1], "ends after 1 of 2 labels"},
		{"gzip cut off", zipped(images)[:30], labels, "t10k-images-idx3-ubyte: ends within image 2 of 2: gzip: cut off"},
		{"gzip damaged", append(zipped(images)[:len(zipped(images))-6], 0, 0, 0, 0, 0, 0), labels, "gzip"},
		{"more labels", images, idx(magicLabels, []uint32{3}, 1, 0, 1), "3 labels; want 2, one for each image"},
		{"no images at all", idx(magicImages, []uint32{0, 1, 1}), labels, "0 images"},
		{"too many images", idx(magicImages, []uint32{huge, 1, 1}), labels, "want 1 to"},
		{"too large images", idx(magicImages, []uint32{2, huge, huge}), labels, "pixels; want 1 to"},
		{"claims to be large", idx(magicImages, []uint32{9_000_000, 100, 100}), labels, "over 4294967296 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"README": ""}
			if tt.images != nil {
				files["t10k-images-idx3-ubyte"] = string(tt.images)
			}
			if tt.labels != nil {
				files["t10k-labels-idx1-ubyte"] = string(tt.labels)
			}
			_, err := (&Source{Dirs: []string{write(t, files)}}).Open(".", Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v want … %s …", err, tt.want)
			}
		})
	}
}

// A class that the training file does not have is an error that names example
// and classes.
func TestIDXLabelOutsideTheClasses(t *testing.T) {
	dir := write(t, map[string]string{
		"train-images-idx3-ubyte": string(images), "train-labels-idx1-ubyte": string(labels),
		"t10k-images-idx3-ubyte": string(images), "t10k-labels-idx1-ubyte": string(idx(magicLabels, []uint32{2}, 0, 2)),
	})
	_, err := (&Source{}).Open(dir, Options{})
	if want := filepath.Join(dir, "t10k-labels-idx1-ubyte") + ": label 2 of example 2; want one of the classes of the training file, 0 to 1"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v want … %s", err, want)
	}
}

// The embedded set: counts of LeCun's test set, 980 zeros and 1,135 ones.
func TestEmbeddedImages(t *testing.T) {
	s, err := (&Source{Embedded: examples.FS}).Open("mnist", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 10_000 || s.Features != 784 || s.Classes != 10 || len(s.Train) != 8000 || len(s.Val) != 2000 || s.Val[0] != 8000 {
		t.Errorf("got n=%d d=%d c=%d train=%d val=%d", s.Len(), s.Features, s.Classes, len(s.Train), len(s.Val))
	}
	count := make([]int, 10)
	for i := range s.Len() {
		count[s.Label(int32(i))]++
	}
	if count[0] != 980 || count[1] != 1135 || s.Label(0) != 7 {
		t.Errorf("labels: got %v, the first %d", count, s.Label(0))
	}
}
