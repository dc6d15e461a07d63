package loop

import (
	"slices"
	"strings"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// starvedPoll is how often what is not to be had is asked for again; the end of
// a trial asks at once.
const starvedPoll = 250 * time.Millisecond

// take reserves what an attempt needs, with more others about to start. Where
// it is not to be had now, l.starved is set. Nil otherwise means that nothing is
// asked of anyone.
func (l *loop) take(oom bool, more int) *runner.Grant {
	if l.Devices == nil {
		return nil
	}
	running := len(l.jobs) + more
	g, why := l.Devices.Take(runner.Need{Resources: l.need(oom), Running: running, PeakMB: l.peak})
	if g == nil {
		l.starved = true
		if running == 0 && why != l.said { // while others run, waiting for them is no news
			l.said = why
			l.note("waiting", why, "")
		}
		return nil
	}
	l.said = ""
	return g
}

// takeAll reserves for up to n new trials.
func (l *loop) takeAll(n, more int) []*runner.Grant {
	grants := make([]*runner.Grant, 0, n)
	for range n {
		g := l.take(false, more+len(grants))
		if l.starved {
			break
		}
		grants = append(grants, g)
	}
	return grants
}

// need is what a trial asks for: after it ran out of memory, with what
// `retries: {oom: {resources: …}}` says instead.
func (l *loop) need(oom bool) sweep.Resources {
	r, more := l.Need, l.Spec.Retries.OOM
	if !oom || more == nil {
		return r
	}
	if more.GPUsSet {
		r.GPUs = more.GPUs
	}
	if more.CPUs > 0 {
		r.CPUs = more.CPUs
	}
	if more.Memory > 0 {
		r.Memory = more.Memory
	}
	if more.GPUMemory > 0 {
		r.GPUMemory = more.GPUMemory
	}
	return r
}

// equip gives a job what was granted to it, and writes that into its intent. A
// variable that the file's `env:` sets is the user's.
func (l *loop) equip(job *runner.Job, e *sweep.Started, v *live) {
	job.Memory = l.need(v.oom).Memory
	g := v.grant
	if v.share = 0; g == nil {
		return
	}
	job.Grant, v.share = g, g.Share
	e.GPUs, e.Share = g.GPUs, g.Share
	for _, kv := range g.Env {
		name, _, _ := strings.Cut(kv, "=")
		if !l.sets(name) { // once only: of two, programs disagree on which counts
			job.Env = slices.DeleteFunc(job.Env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
			job.Env = append(job.Env, kv)
		}
	}
}

func (l *loop) sets(name string) bool {
	for _, e := range l.Spec.Env {
		if e.Name == name {
			return true
		}
	}
	return false
}
