// Package data reads the data sets of the built-in trainer: IDX files, the
// format of MNIST, gzip or not. A set is read once and shared, read-only, by
// all trials of a sweep.
package data

import "github.com/trawl-sweep/trawl/runner/train/model"

// A Set is labelled examples with byte features, kept sparse. It is immutable
// and safe for concurrent use.
type Set struct {
	Features int // per example, at most 65,536
	Classes  int // labels are 0 … Classes-1

	// Train is how many examples at the front are meant for training by the
	// files themselves, as with MNIST's train-* beside t10k-*; 0 if they do
	// not say.
	Train int

	start  []int // len(labels)+1: example i is index[start[i]:start[i+1]]
	index  []uint16
	value  []uint8
	labels []uint8
}

// Len is the number of examples.
func (s *Set) Len() int { return len(s.labels) }

// Example returns example i; it must not be written to.
func (s *Set) Example(i int) model.Example {
	from, to := s.start[i], s.start[i+1]
	return model.Example{Index: s.index[from:to:to], Value: s.value[from:to:to]}
}

// Label returns the label of example i.
func (s *Set) Label(i int) int { return int(s.labels[i]) }

// add appends one dense example.
func (s *Set) add(pixels []byte) {
	for i, v := range pixels {
		if v != 0 {
			s.index = append(s.index, uint16(i))
			s.value = append(s.value, v)
		}
	}
	s.start = append(s.start, len(s.index))
}
