package data

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
)

// The magic numbers of IDX: two zero bytes, the type (8 = unsigned byte) and
// the number of dimensions.
const (
	magicLabels = 0x00000801
	magicImages = 0x00000803
)

// idx reads a pair of IDX files.
func (r *reading) idx(images, labels file) error {
	before := r.rows
	if err := r.read(images, r.idxImages); err != nil {
		return err
	}
	have := 0
	err := r.read(labels, func(b *bufio.Reader) (err error) {
		have, err = r.idxLabels(b, labels.name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; want the labels of %s there, .gz or not", err, filepath.Base(images.name))
	}
	if err == nil && have != r.rows-before {
		err = fmt.Errorf("%s: %d labels; want %d, one for each image of %s", labels.name, have, r.rows-before, images.name)
	}
	return err
}

// idxImages reads an IDX file of unsigned bytes with 3 dimensions: examples,
// rows, columns.
func (r *reading) idxImages(b *bufio.Reader) error {
	var h [4]uint32
	if err := idxHeader(b, h[:], magicImages, "images (magic 0x00000803)"); err != nil {
		return err
	}
	n, d := int64(h[1]), int64(h[2])*int64(h[3])
	switch {
	case n == 0 || n > maxRows:
		return fmt.Errorf("%d images; want 1 to %d", n, maxRows)
	case d == 0 || h[2] > maxColumns || h[3] > maxColumns || d > maxColumns:
		return fmt.Errorf("images of %d × %d pixels; want 1 to %d in all", h[2], h[3], maxColumns)
	case n*d > r.limit:
		return fmt.Errorf("%d images of %d × %d pixels: over %d bytes", n, h[2], h[3], r.limit)
	case r.cols != 0 && (r.h != int(h[2]) || r.w != int(h[3])):
		return fmt.Errorf("images of %d × %d pixels; want %d × %d, as in the training file", h[2], h[3], r.h, r.w)
	}
	if r.cols == 0 {
		r.cols, r.h, r.w, r.unit = int(d), int(h[2]), int(h[3]), 1./255
		for j := range r.cols {
			r.columns = append(r.columns, column{name: strconv.Itoa(j/r.w+1) + "," + strconv.Itoa(j%r.w+1)})
		}
	}
	// A header is soon written: take memory for what comes, not for what is
	// announced.
	const step = 8 << 20
	for want := n * d; want > 0; {
		from, m := len(r.u8), min(want, step)
		if cap(r.u8)-from < int(m) {
			grown := make([]byte, from, min(int64(2*from)+m, int64(from)+want))
			copy(grown, r.u8)
			r.u8 = grown
		}
		r.u8 = r.u8[:from+int(m)]
		if got, err := io.ReadFull(b, r.u8[from:]); err != nil {
			return fmt.Errorf("ends within image %d of %d: %w", (n*d-want+int64(got))/d+1, n, short(err))
		}
		want -= m
	}
	r.rows += int(n)
	return idxEnd(b)
}

// idxLabels reads an IDX file of unsigned bytes with 1 dimension. The classes
// are 0 to the largest label of the training file.
func (r *reading) idxLabels(b *bufio.Reader, name string) (have int, err error) {
	var h [2]uint32
	if err := idxHeader(b, h[:], magicLabels, "labels (magic 0x00000801)"); err != nil {
		return 0, err
	}
	n := int(h[1])
	if n == 0 || n > maxRows {
		return 0, fmt.Errorf("%d labels; want 1 to %d", n, maxRows)
	}
	if r.o.Task == "regress" {
		return n, errors.New("labels are classes; want task classify, not regress, for images")
	}
	y := &r.y
	for i := range n {
		c, err := b.ReadByte()
		if err != nil {
			return 0, fmt.Errorf("ends after %d of %d labels: %w", i, n, short(err))
		}
		if y.fixed && int(c) >= len(y.names) {
			return 0, fmt.Errorf("label %d of example %d; want one of the classes of the training file, 0 to %d", c, i+1, len(y.names)-1)
		}
		for len(y.names) <= int(c) {
			y.names = append(y.names, strconv.Itoa(len(y.names)))
		}
		y.code = append(y.code, int32(c))
	}
	y.task, y.fixed = "classify", true
	return n, idxEnd(b)
}

func idxHeader(r io.Reader, h []uint32, magic uint32, what string) error {
	if err := binary.Read(r, binary.BigEndian, h); err != nil {
		return fmt.Errorf("not an IDX file of %s: %w", what, short(err))
	}
	if h[0] != magic {
		return fmt.Errorf("begins with 0x%08x; want an IDX file of %s", h[0], what)
	}
	return nil
}

// idxEnd checks that nothing follows; with gzip this reads its checksum.
func idxEnd(r io.Reader) error {
	var b [1]byte
	switch _, err := io.ReadFull(r, b[:]); {
	case err == nil:
		return errors.New("goes on after what its header announces")
	case err != io.EOF:
		return short(err)
	}
	return nil
}
