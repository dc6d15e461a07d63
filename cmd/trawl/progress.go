package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/grid"
)

// progress shows a running sweep on stderr: on a terminal a block that is
// redrawn (one line per running trial, then the whole), else one plain line
// per ended trial.
type progress struct {
	a     *app
	spec  *sweep.Spec
	slots int
	quiet bool
	tty   bool
	out   *bufio.Writer

	mu      sync.Mutex // news come from the loop's goroutine, redraws from a ticker's
	running map[sweep.TrialID]*runningTrial
	ended   int
	since   int // ended in this run
	total   int64
	began   time.Time
	best    float64
	bestOf  sweep.TrialID
	drawn   int // lines of the block on the screen
	stop    chan struct{}
	stopped chan struct{}
}

type runningTrial struct {
	params  string
	began   time.Time
	attempt int
	step    int64
	last    map[string]float64
}

// redraw is how often the screen is brought up to date.
const redraw = 200 * time.Millisecond

func newProgress(a *app, spec *sweep.Spec, slots int, quiet bool) *progress {
	return &progress{a: a, spec: spec, slots: slots, quiet: quiet, tty: terminal(a.stderr),
		out: bufio.NewWriterSize(a.stderr, 1<<15), running: map[sweep.TrialID]*runningTrial{},
		best: math.NaN(), stop: make(chan struct{}), stopped: make(chan struct{})}
}

// begin says what will run, and starts drawing.
func (p *progress) begin(s *sweeping, why string) {
	p.began = p.a.now()
	p.total = totalOf(s.db.Reader(), s.spec)
	if row, err := p.a.bestSoFar(s); err == nil && row != nil {
		p.best, p.bestOf = row.value, row.trial
		p.ended = row.ended
	}
	if !p.quiet {
		n := "no end; Ctrl-C, -n or budget"
		if p.total >= 0 {
			n = fmt.Sprintf("%d trials", p.total)
			if p.total == 1 {
				n = "1 trial"
			}
		}
		fmt.Fprintf(p.a.stderr, "sweep %s: %s, %s\n", s.spec.Name, n, why)
	}
	go p.draw()
}

// totalTrials is the number of trials of a sweep, -1 if it is not known.
func totalTrials(spec *sweep.Spec) int64 {
	p := loop.NewPlanner(spec, nothing{}, 1)
	n, ok := p.Total(func() (int64, bool) {
		if spec.Sampler != "grid" {
			n, finite := spec.Space.Finite()
			return n, finite && spec.Space.Plain() && spec.Duplicates == "skip"
		}
		n, exact, err := grid.Size(spec.Space)
		return n, exact && err == nil
	})
	if !ok {
		return -1
	}
	return n
}

// totalOf is totalTrials of a sweep of a database: with those that have ended of
// points which a revision left outside the space, as a run cap counts them anyway.
func totalOf(r *results.Reader, spec *sweep.Spec) int64 {
	n := totalTrials(spec)
	if n < 0 || spec.RunCap > 0 {
		return n
	}
	out, err := r.Outside(context.Background(), spec.Name)
	if err != nil {
		return n // it is for people: an error comes from what is for the sweep
	}
	return n + out
}

// nothing is a sampler without proposals.
type nothing struct{}

func (nothing) Ask(sweep.Query) ([]sweep.Proposal, error) { return nil, nil }
func (nothing) Tell(sweep.Outcome)                        {}
func (nothing) Looks() bool                               { return false }

// news takes what the loop tells; it is called by the loop's goroutine.
func (p *progress) news(n loop.News) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range n.Reports {
		if t := p.running[n.Trial.ID]; t != nil {
			t.step = max(t.step, r.Step)
			t.last[r.Name] = r.Value
		}
	}
	switch e := n.Event.(type) {
	case *sweep.Started:
		p.running[e.Trial] = &runningTrial{params: n.Params, began: p.a.now(), attempt: e.Attempt, last: map[string]float64{}}
	case *sweep.Ended:
		p.endedTrial(n, e)
	case *sweep.Requeued:
		p.ended--
	case *sweep.Note:
		if e.What == "output_lost" || e.What == "low_disk" {
			p.say(fmt.Sprintf("trawl: %s", e.Text))
		}
		if e.What == "dropped" {
			p.say(fmt.Sprintf("trawl: point %d gets no further repeats: %s", e.Point, e.Text))
		}
	}
}

func (p *progress) endedTrial(n loop.News, e *sweep.Ended) {
	delete(p.running, e.Trial)
	if !e.State.Settled() {
		if e.Requeue == sweep.RequeueRetry || e.Requeue == sweep.RequeueCrash {
			p.say(fmt.Sprintf("trial %d queued again: %s", e.Trial, e.Reason))
		}
		return
	}
	p.ended++
	p.since++
	mark := ""
	if e.State == sweep.Finished && e.HasObjective && len(p.spec.Objectives) > 0 {
		if math.IsNaN(p.best) || p.spec.Objectives[0].Goal.Better(e.Objective, p.best) {
			p.best, p.bestOf, mark = e.Objective, e.Trial, "  best so far"
		}
	}
	if p.quiet {
		return
	}
	what := string(e.State)
	if e.Class != "" {
		what += " (" + string(e.Class) + ")"
	}
	line := fmt.Sprintf("%s  trial %d  %s", p.count(), e.Trial, what)
	if e.HasObjective && len(p.spec.Objectives) > 0 {
		line += fmt.Sprintf("  %s=%.6g", p.spec.Objectives[0].Name, e.Objective)
	}
	if e.State == sweep.Failed && e.Reason != "" {
		line += "  " + e.Reason
	}
	line += fmt.Sprintf("  %s  %s%s", seconds(n.Seconds), p.varied(n.Params), mark)
	p.say(line)
}

func (p *progress) count() string {
	if p.total < 0 {
		return fmt.Sprintf("[%d]", p.ended)
	}
	return fmt.Sprintf("[%d/%d]", p.ended, max(p.total, int64(p.ended))) // points that the user added are no part of a grid
}

// tell prints a line at once, quiet or not.
func (p *progress) tell(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.out, p.cut(line))
	p.out.Flush()
}

// say prints a line that stays, above the block.
func (p *progress) say(line string) {
	if p.quiet {
		return
	}
	p.clear()
	fmt.Fprintln(p.out, p.cut(line))
}

// clear takes the block off the screen.
func (p *progress) clear() {
	if p.drawn > 0 {
		fmt.Fprintf(p.out, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

// draw brings the screen up to date until end.
func (p *progress) draw() {
	defer close(p.stopped)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.mu.Lock()
			if p.tty && !p.quiet {
				p.block()
			}
			p.out.Flush()
			p.mu.Unlock()
		}
	}
}

// end takes the block away for good.
func (p *progress) end() {
	close(p.stop)
	<-p.stopped
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.out.Flush()
}

// block draws one line per running trial and one for the whole.
func (p *progress) block() {
	p.clear()
	ids := make([]sweep.TrialID, 0, len(p.running))
	for id := range p.running {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	rows := 20
	if len(ids) > rows {
		ids = ids[:rows]
	}
	now := p.a.now()
	for _, id := range ids {
		t := p.running[id]
		line := fmt.Sprintf("  trial %d  %s", id, seconds(now.Sub(t.began).Seconds()))
		if len(t.last) > 0 {
			line += fmt.Sprintf("  step %d", t.step)
			for _, o := range p.spec.Objectives {
				if v, ok := t.last[o.Name]; ok {
					line += fmt.Sprintf("  %s=%.5g", o.Name, v)
				}
			}
		}
		fmt.Fprintln(p.out, p.cut(line+"  "+p.varied(t.params))) // a narrow screen loses values first
	}
	fmt.Fprintln(p.out, p.cut(p.whole(now)))
	p.drawn = len(ids) + 1
}

func (p *progress) whole(now time.Time) string {
	line := fmt.Sprintf("%s ended, %d running", p.count(), len(p.running))
	if !math.IsNaN(p.best) {
		line += fmt.Sprintf(" · best %s=%.6g (trial %d)", p.spec.Objectives[0].Name, p.best, p.bestOf)
	}
	passed := now.Sub(p.began).Seconds()
	if p.since > 0 && passed > 0 {
		rate := float64(p.since) / passed
		if rate >= 1 {
			line += fmt.Sprintf(" · %.3g trials/s", rate)
		} else {
			line += fmt.Sprintf(" · %.3g trials/min", 60*rate)
		}
		if p.total >= 0 {
			line += fmt.Sprintf(" · %s left", seconds(float64(p.total-int64(p.ended))/rate))
		}
	}
	return line
}

// cut keeps a line inside the width of the terminal.
func (p *progress) cut(line string) string {
	line = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' ' // what a trial printed must not move the cursor
		}
		return r
	}, line)
	if !p.tty {
		return line
	}
	f, ok := p.a.stderr.(*os.File)
	if !ok {
		return line
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil || w < 20 {
		w = 80
	}
	return fitWidth(line, w)
}

// fitWidth cuts a line so that it takes less than w columns: one that wraps
// would be left on the screen. East Asian characters and pictures take two.
func fitWidth(line string, w int) string {
	used, fits := 0, 0 // fits: bytes that leave room for the dots
	for i, r := range line {
		if used <= w-2 {
			fits = i
		}
		used += columns(r)
		if used >= w {
			return line[:fits] + "…"
		}
	}
	return line
}

func columns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// variedRoom is how many bytes of values a line shows: trawl show has them all.
const variedRoom = 400

// varied prints the values that differ between trials, the first ones of many.
func (p *progress) varied(params string) string {
	s := variedParams(p.spec, params)
	if len(s) <= variedRoom {
		return s
	}
	end := strings.LastIndexByte(s[:variedRoom], ' ')
	if end < 0 {
		return s
	}
	return s[:end] + " …"
}

// seconds prints a duration for people: 0.4s, 12s, 3m05s, 2h10m.
func seconds(s float64) string {
	switch {
	case s < 0 || math.IsNaN(s):
		return "0s"
	case s < 10:
		return fmt.Sprintf("%.1fs", s)
	case s < 60:
		return fmt.Sprintf("%.0fs", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", int(s)/60, int(s)%60)
	case s < 100*3600:
		return fmt.Sprintf("%dh%02dm", int(s)/3600, int(s)/60%60)
	}
	return fmt.Sprintf("%.0fd", s/86400)
}
