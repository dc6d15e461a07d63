package data

import (
	"errors"
	"fmt"

	"github.com/trawl-sweep/trawl/runner/train/model"
)

type Legacy struct {
	Features int
	Classes  int
	Train    int

	start  []int
	index  []uint16
	value  []uint8
	labels []uint8
}

func (s *Legacy) Len() int { return len(s.labels) }

func (s *Legacy) Example(i int) model.Example {
	from, to := s.start[i], s.start[i+1]
	return model.Example{Index: s.index[from:to:to], Value: s.value[from:to:to]}
}

func (s *Legacy) Label(i int) int { return int(s.labels[i]) }

func (s *Source) Load(name string) (*Legacy, error) {
	s.legacyMu.Lock()
	defer s.legacyMu.Unlock()
	if l := s.legacy[name]; l != nil {
		return l, nil
	}
	set, err := s.Open(name, Options{})
	if err != nil {
		return nil, err
	}
	px, _, _ := set.Dense()
	if _, _, ok := set.Image(); !ok || px == nil {
		return nil, fmt.Errorf("data %s: %w", name, errors.New("not built yet; want a folder of IDX files, or mnist"))
	}
	l := &Legacy{Features: set.Features, Classes: set.Classes, start: []int{0}}
	if set.t.parts[1] > 0 {
		l.Train = set.t.parts[0]
	}
	for i := range set.Len() {
		for j, v := range px[i*set.Features : (i+1)*set.Features] {
			if v != 0 {
				l.index, l.value = append(l.index, uint16(j)), append(l.value, v)
			}
		}
		l.start = append(l.start, len(l.index))
		l.labels = append(l.labels, uint8(set.Label(int32(i))))
	}
	if s.legacy == nil {
		s.legacy = map[string]*Legacy{}
	}
	s.legacy[name] = l
	return l, nil
}
