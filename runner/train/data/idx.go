package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The limits of what is read. They keep a wrong or hostile file from taking
// the memory of the machine; a file within them takes memory only for what it
// really holds.
const (
	maxExamples = 10_000_000
	maxFeatures = 1 << 16
	maxBytes    = 4 << 30 // pixels of one file, unpacked
)

// The magic numbers of IDX: two zero bytes, the type (8 = unsigned byte) and
// the number of dimensions.
const (
	magicLabels = 0x00000801
	magicImages = 0x00000803
)

// readImages reads an IDX file of unsigned bytes with 3 dimensions (examples,
// rows, columns) and appends the examples to s.
//
// Format: LeCun, Cortes and Burges, The MNIST database of handwritten digits.
func readImages(s *Set, r io.Reader) error {
	r, err := unpacked(r)
	if err != nil {
		return err
	}
	var h [4]uint32
	if err := header(r, h[:], magicImages, "images (magic 0x00000803)"); err != nil {
		return err
	}
	n, d := int64(h[1]), int64(h[2])*int64(h[3])
	switch {
	case n == 0 || n > maxExamples:
		return fmt.Errorf("%d images; want 1 to %d", n, maxExamples)
	case d == 0 || h[2] > maxFeatures || h[3] > maxFeatures || d > maxFeatures:
		return fmt.Errorf("images of %d × %d pixels; want 1 to %d in all", h[2], h[3], maxFeatures)
	case n*d > maxBytes:
		return fmt.Errorf("%d images of %d × %d pixels: over %d GiB", n, h[2], h[3], maxBytes>>30)
	case s.Features != 0 && int64(s.Features) != d:
		return fmt.Errorf("images of %d × %d pixels; want %d pixels, as in the other file", h[2], h[3], s.Features)
	}
	s.Features = int(d)
	if s.start == nil {
		s.start = []int{0}
	}
	row := make([]byte, d)
	for i := range n {
		if _, err := io.ReadFull(r, row); err != nil {
			return fmt.Errorf("ends within image %d of %d: %w", i+1, n, short(err))
		}
		s.add(row)
	}
	return atEnd(r)
}

// readLabels reads an IDX file of unsigned bytes with 1 dimension and appends
// the labels to s.
func readLabels(s *Set, r io.Reader) error {
	r, err := unpacked(r)
	if err != nil {
		return err
	}
	var h [2]uint32
	if err := header(r, h[:], magicLabels, "labels (magic 0x00000801)"); err != nil {
		return err
	}
	n := int64(h[1])
	if n == 0 || n > maxExamples {
		return fmt.Errorf("%d labels; want 1 to %d", n, maxExamples)
	}
	var b bytes.Buffer
	if got, err := io.CopyN(&b, r, n); err != nil {
		return fmt.Errorf("ends after %d of %d labels: %w", got, n, short(err))
	}
	for _, y := range b.Bytes() {
		s.Classes = max(s.Classes, int(y)+1)
	}
	s.labels = append(s.labels, b.Bytes()...)
	return atEnd(r)
}

// unpacked reads through gzip where the stream begins like one.
func unpacked(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	if m, err := b.Peek(2); err != nil {
		return nil, fmt.Errorf("not an IDX file: %w", short(err))
	} else if m[0] != 0x1f || m[1] != 0x8b {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", short(err))
	}
	return bufio.NewReaderSize(z, 1<<16), nil
}

func header(r io.Reader, h []uint32, magic uint32, what string) error {
	if err := binary.Read(r, binary.BigEndian, h); err != nil {
		return fmt.Errorf("not an IDX file: %w", short(err))
	}
	if h[0] != magic {
		return fmt.Errorf("begins with 0x%08x; want an IDX file of %s", h[0], what)
	}
	return nil
}

// atEnd checks that nothing follows; with gzip this reads its checksum.
func atEnd(r io.Reader) error {
	var b [1]byte
	switch _, err := io.ReadFull(r, b[:]); {
	case err == nil:
		return errors.New("goes on after what its header announces")
	case err != io.EOF:
		return short(err)
	}
	return nil
}

// short makes the end of a file where more was due read as such.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
