package runner

import (
	"os"
	"sync"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Need is what an attempt wants beside a place among the trials at a time.
type Need struct {
	sweep.Resources
	Running int     // jobs of the sweep that run, or are about to
	PeakMB  float64 // the most resident memory that a trial of the sweep has had, MiB
}

// Slots hands out what the trials of all sweeps of a machine share: GPUs, and
// memory. It is used by the loop's goroutine.
type Slots interface {
	// Take reserves what need says for an attempt that is about to start. Where
	// it cannot be had now, the grant is nil and why says what is missing, in
	// one line for people; the loop asks again.
	Take(need Need) (g *Grant, why string)
}

// A Grant is what an attempt got. A backend passes Held to whatever lives as
// long as the attempt does, and calls Release after its end. A nil Grant is
// nothing at all.
type Grant struct {
	GPUs   []string       // UUIDs
	Share  float64        // of all GPUs together: 0.5 of one is 0.5, two are 2
	Env    []string       // what tells the attempt of them, "K=V"
	Held   []*os.File     // locked: free once every copy is closed
	Freed  func()         // called once by Release; nil: nothing to do
	PeakMB func() float64 // GPU memory seen in use so far, MiB; nil: not known

	once sync.Once
}

// Release gives back what was granted. It may be called more than once.
func (g *Grant) Release() {
	if g == nil {
		return
	}
	g.once.Do(func() {
		for _, f := range g.Held {
			f.Close()
		}
		if g.Freed != nil {
			g.Freed()
		}
	})
}
