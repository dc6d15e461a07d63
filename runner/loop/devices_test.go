package loop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// shelf hands out GPUs of one sweep that the test can count.
type shelf struct {
	free   []string
	needs  []runner.Need
	given  int
	most   int // held at once
	closed bool
}

func (s *shelf) Take(need runner.Need) (*runner.Grant, string) {
	n := int(max(1, need.GPUs))
	if s.closed || len(s.free) < n {
		return nil, "waits for GPUs"
	}
	s.needs = append(s.needs, need)
	mine := slices.Clone(s.free[:n])
	s.free = s.free[n:]
	s.given += n
	s.most = max(s.most, s.given)
	list := strings.Join(mine, ",")
	return &runner.Grant{GPUs: mine, Share: need.GPUs, Env: []string{"CUDA_VISIBLE_DEVICES=" + list, "ROCR_VISIBLE_DEVICES=" + list},
		Freed: func() { s.given -= n; s.free = append(s.free, mine...) }}, ""
}

// ticking is a clock whose timers are due at once.
type ticking struct{ still }

func (ticking) After(time.Duration) (<-chan time.Time, func()) {
	c := make(chan time.Time, 1)
	c <- time.Time{}
	return c, func() {}
}

// releasing is a machine that gives grants back when a job ends, as backends do.
func releasing(w *world, edit func(*Config)) func(*Config) {
	return func(c *Config) {
		m := c.Backend.(*machine)
		inner := w.exit
		m.w.exit = func(j runner.Job) (float64, sweep.Exit) {
			j.Grant.Release()
			return inner(j)
		}
		edit(c)
	}
}

func TestGPUsAreWrittenDown(t *testing.T) {
	w := newWorld()
	var envs [][]string
	w.exit = func(j runner.Job) (float64, sweep.Exit) {
		envs = append(envs, j.Env)
		return 1, sweep.Exit{StartedAt: 1_000_000, EndedAt: 3_500_000}
	}
	s := &shelf{free: []string{"a", "b"}}
	spec := gridSpec(t, 6, 1)
	spec.Env = []sweep.EnvVar{{Name: "ROCR_VISIBLE_DEVICES", Value: "7"}}
	sum, err := w.live(t, spec, 4, releasing(w, func(c *Config) {
		c.Devices, c.Need = s, sweep.Resources{GPUs: 1, Memory: 77}
		job := c.Job
		c.Job = func(tr sweep.Trial, params string) (runner.Job, error) {
			j, err := job(tr, params)
			j.Env = []string{"CUDA_VISIBLE_DEVICES=0,1", "ROCR_VISIBLE_DEVICES=7"}
			return j, err
		}
		c.Clock = ticking{}
	}))
	if err != nil || sum.Finished != 6 || s.given != 0 || s.most != 2 {
		t.Fatalf("%+v, %v; %d still given, at most %d", sum, err, s.given, s.most)
	}
	for _, env := range envs {
		if len(env) != 2 || env[0] != "ROCR_VISIBLE_DEVICES=7" || env[1] != "CUDA_VISIBLE_DEVICES=a" && env[1] != "CUDA_VISIBLE_DEVICES=b" {
			t.Errorf("environment: %v", env)
		}
	}
	for _, e := range w.entries {
		switch e := e.Event.(type) {
		case *sweep.Started:
			if len(e.GPUs) != 1 || e.Share != 1 {
				t.Errorf("trial %d started with %v, %g", e.Trial, e.GPUs, e.Share)
			}
		case *sweep.Ended:
			if e.Exit.GPUSeconds != 2.5 {
				t.Errorf("trial %d: %g GPU seconds, want 2.5", e.Trial, e.Exit.GPUSeconds)
			}
		}
	}
}

// A trial that runs out of memory gets what retries.oom says, from then on.
func TestOutOfMemoryGetsMore(t *testing.T) {
	w := newWorld()
	tries := map[sweep.TrialID]int{}
	w.exit = func(j runner.Job) (float64, sweep.Exit) {
		tries[j.Trial]++
		if j.Trial == 2 {
			switch tries[2] {
			case 1:
				return 0, sweep.Exit{Code: 1, Class: sweep.ClassOOM, Message: "CUDA out of memory"}
			case 2:
				return 0, sweep.Exit{Code: 1}
			}
		}
		return 1, sweep.Exit{}
	}
	s := &shelf{free: []string{"a", "b", "c"}}
	spec := gridSpec(t, 3, 1)
	spec.Retries = sweep.Retries{Max: 2, On: []sweep.Class{sweep.ClassExit}, OOM: &sweep.Resources{GPUs: 2, GPUsSet: true, Memory: 9}}
	var memory []string
	sum, err := w.live(t, spec, 1, releasing(w, func(c *Config) {
		c.Devices, c.Need = s, sweep.Resources{GPUs: 0.5, Memory: 4}
		c.Clock = ticking{}
		inner := w.exit
		w.exit = func(j runner.Job) (float64, sweep.Exit) {
			memory = append(memory, fmt.Sprintf("%s=%d", j.Name, j.Memory))
			return inner(j)
		}
	}))
	if err != nil || sum.Finished != 3 {
		t.Fatalf("%+v, %v", sum, err)
	}
	slices.Sort(memory)
	if got, want := strings.Join(memory, " "), "t0001.1=4 t0002.1=4 t0002.2=9 t0002.3=9 t0003.1=4"; got != want {
		t.Errorf("memory: got %s, want %s", got, want)
	}
	asked := map[float64]int{}
	for _, n := range s.needs {
		asked[n.GPUs]++
	}
	if asked[2] != 2 || s.most != 2 {
		t.Errorf("asked for %v, at most %d at once", asked, s.most)
	}
}

// What cannot be had makes the sweep wait, which is noted once, not end.
func TestWaitsForGPUs(t *testing.T) {
	w := newWorld()
	s := &shelf{free: []string{"a"}, closed: true}
	polls := 0
	sum, err := w.live(t, gridSpec(t, 3, 1), 2, releasing(w, func(c *Config) {
		c.Devices, c.Need = s, sweep.Resources{GPUs: 1}
		c.Clock = counted{func() {
			if polls++; polls == 5 {
				s.closed = false
			}
		}}
	}))
	if err != nil || sum.Finished != 3 || polls < 5 {
		t.Fatalf("%+v, %v after %d polls", sum, err, polls)
	}
	notes := 0
	for _, e := range w.entries {
		if n, ok := e.Event.(*sweep.Note); ok && n.What == "waiting" {
			notes++
		}
	}
	if notes != 1 {
		t.Errorf("%d notes, want 1", notes)
	}
}

type counted struct{ at func() }

func (c counted) Now() time.Time { return time.Unix(0, 0) }

func (c counted) After(d time.Duration) (<-chan time.Time, func()) {
	c.at()
	return ticking{}.After(d)
}

// The largest peak so far, also of earlier runs, is what is asked with.
func TestPeakIsRemembered(t *testing.T) {
	w := newWorld()
	w.exit = func(j runner.Job) (float64, sweep.Exit) {
		j.Grant.Release()
		return 1, sweep.Exit{MaxRSSMB: float64(100 * j.Trial)}
	}
	spec := gridSpec(t, 4, 1)
	s := &shelf{free: []string{"a"}}
	with := func(c *Config) { c.Devices, c.Clock = s, ticking{} }
	spec.RunCap = 2
	for range 2 {
		if _, err := w.live(t, spec, 1, with); err != nil {
			t.Fatal(err)
		}
		spec.RunCap = 4
	}
	var peaks []float64
	for _, n := range s.needs {
		peaks = append(peaks, n.PeakMB)
	}
	if want := []float64{0, 100, 200, 200, 300, 400}; !slices.Equal(peaks, want) { // each run asks once more, for a trial that there is not
		t.Errorf("peaks: got %v, want %v", peaks, want)
	}
}

// However the loop is killed, what was granted and not started is free again,
// and the sweep ends as if nothing had been.
func TestKilledWithGPUs(t *testing.T) {
	run := func(killAt int) (*world, int) {
		w := newWorld()
		spec := gridSpec(t, 4, 1)
		w.killAt = killAt
		for life := 0; ; life++ {
			s := &shelf{free: []string{"a", "b"}} // of a process: the kernel frees what the dead one had
			sum, err := w.live(t, spec, 3, func(c *Config) {
				c.Devices, c.Need, c.Clock = s, sweep.Resources{GPUs: 1}, ticking{}
				if life == 0 {
					inner := w.exit
					w.exit = func(j runner.Job) (float64, sweep.Exit) { j.Grant.Release(); return inner(j) }
				}
			})
			if err == nil {
				if sum.Finished != 4 || s.given != 0 || s.most > 2 {
					t.Errorf("killed at %d: %+v, %d given, %d at most", killAt, sum, s.given, s.most)
				}
				return w, w.effects
			}
			if life > 2 {
				t.Fatalf("killed at %d: %v", killAt, err)
			}
			w.killAt = -1
		}
	}
	whole, effects := run(-1)
	for at := range 2 * effects {
		w, _ := run(at)
		if got, want := w.outcome(t), whole.outcome(t); got != want {
			t.Errorf("killed at %d: got\n%s\nwant\n%s", at, got, want)
		}
	}
}
