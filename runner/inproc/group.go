package inproc

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/train"
)

// GroupKey says which jobs can be a group: those with the same key. ok is false
// for those that run by themselves.
func GroupKey(spec runner.Job) (key string, ok bool) {
	c, err := config(spec)
	if err != nil {
		return "", false // Start says what is wrong
	}
	return train.GroupKey(c)
}

// runGroup is the goroutine of a group. It holds its thread, so that the CPU time
// of the thread is that of its jobs.
func runGroup(jobs []*job) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g := group{meter: newMeter(jobs[0].backend.opts.Now), cpu: map[*job]float64{}}
	for _, j := range jobs {
		j.begin()
		g.cpu[j] = 0
	}
	defer func() {
		if p := recover(); p != nil {
			for _, j := range jobs { // in their order
				if _, runs := g.cpu[j]; runs {
					g.end(j, func() { j.end(j.panicked(p), g.cpu[j]) })
				}
			}
		}
	}()
	g.train(jobs)
}

// A group is jobs that are trained together.
type group struct {
	meter meter
	cpu   map[*job]float64 // seconds so far, of those that run
}

// end makes a job leave: the time since the last one left is shared.
func (g *group) end(j *job, leave func()) {
	lap := g.meter.lap() / float64(len(g.cpu))
	for k := range g.cpu {
		g.cpu[k] += lap
	}
	leave()
	delete(g.cpu, j)
}

func (g *group) train(jobs []*job) {
	var members []train.Member
	var who []*job
	var again []int
	for _, j := range jobs {
		config, err := j.config()
		if err == nil {
			err = j.prepare()
		}
		if err != nil {
			g.end(j, func() { j.end(startFailed(err), g.cpu[j]) })
			continue
		}
		members, who = append(members, train.Member{Config: config, Hooks: j.hooks()}), append(who, j)
	}
	train.RunGroup(context.WithoutCancel(jobs[0].ctx), members, func(i int, res train.Result, err error) {
		j := who[i]
		if errors.Is(err, train.ErrCheckpoint) {
			again = append(again, i)
			return
		}
		g.end(j, func() { j.end(j.exit(res, err), g.cpu[j]) })
	})
	for _, i := range again { // train says that the checkpoint is of no use
		j := who[i]
		exit := j.exit(j.train(members[i].Config))
		g.end(j, func() { j.end(exit, g.cpu[j]) })
	}
}

// A meter measures the CPU time of its thread, or where that is not known the
// time that goes by.
type meter struct {
	now  func() time.Time
	cpu  float64
	wall time.Time
}

func newMeter(now func() time.Time) meter {
	return meter{now: now, cpu: threadSeconds(), wall: now()}
}

// lap returns the seconds since the last call.
func (m *meter) lap() float64 {
	cpu, wall := threadSeconds(), m.now()
	lap := cpu - m.cpu
	if m.cpu < 0 {
		lap = wall.Sub(m.wall).Seconds()
	}
	m.cpu, m.wall = cpu, wall
	return lap
}
