// Package local runs trials as processes of this machine.
//
//	trawl ── socket ──→ supervisor of slot 0 ──fork──→ trial and all it starts
//	      ── socket ──→ supervisor of slot 1 ──fork──→ …
//
// A supervisor outlives trawl. It is one per slot and reused from trial to
// trial; as a subreaper it inherits whatever its trial leaves behind, and with
// one trial at a time everything below it is that trial's. It enforces
// timeouts and the log limit while no trawl is there, and writes how the trial
// ended into a ring of checksummed records in a file allocated beforehand.
//
// Short trials may be given to a slot before it is free (runner.Job.Waits). Their
// directories and orders are made while others run, and the supervisor has one
// of the orders beside its trial, so that nobody waits for anybody between two
// trials. It forgets that one when its trawl goes: a kill leaves a trial that
// waits as one that never ran.
//
// Who runs a slot holds its lock: trawl takes it and hands the locked
// descriptor down to the supervisor that it starts. A later trawl that finds
// the lock held talks to the supervisor over a socket in the slot's directory;
// one that finds it free reads the ring.
//
//	RunsDir/.slots/K/  lock  sock  ring
//	RunsDir/N/         params.json  output.log  metrics.jsonl  checkpoint/
//
// Standard output and standard error go to one file, in the order written.
// Trawl follows it; output.log of an earlier attempt N is output.N.log.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/sweep"
)

// The files of a trial's directory.
const (
	LogName     = "output.log"
	MetricsName = "metrics.jsonl"
	ParamsName  = "params.json"
)

// defaultLogLimit is the output kept of a trial.
const defaultLogLimit = 64 << 20

// pollEvery is how often the output of running trials is read.
const pollEvery = 50 * time.Millisecond

// Options configure a Backend.
type Options struct {
	RunsDir  string   // absolute; trawl-runs/SWEEP
	Slots    int      // trials at a time, at least 1
	Exe      []string // starts a supervisor, with the slot's directory appended; nil: this program with __supervise
	Patterns []string // report.patterns
	Devices  *Devices // that the jobs' grants are of; nil: none
}

// A Backend is the local machine. See runner.Backend for its laws.
type Backend struct {
	o       Options
	boot    string
	updates chan runner.Update
	later   chan *ahead   // to be prepared, one after the other
	done    chan struct{} // closed by Close
	wg      sync.WaitGroup

	dirs     dirs
	spawning sync.Mutex   // a child that has not become a supervisor yet is no orphan
	aside    map[int]bool // processes, and leaders of sessions, that are no trial's; guarded by spawning

	mu     sync.Mutex // slots end on their own goroutines, the loop asks on its
	slots  []*slot
	jobs   map[string]*slot // by job name: running, or ended and not settled
	found  bool             // earlier slots were looked at
	ended  []record         // of rings of earlier processes
	closed bool
}

var _ runner.Backend = (*Backend)(nil)

// New returns a backend; it starts nothing yet.
func New(o Options) (*Backend, error) {
	if o.Slots < 1 {
		return nil, fmt.Errorf("local: %d slots; want at least 1", o.Slots)
	}
	if !filepath.IsAbs(o.RunsDir) {
		return nil, fmt.Errorf("local: runs directory %q; want an absolute path", o.RunsDir)
	}
	if _, err := metric.New(o.Patterns); err != nil {
		return nil, err
	}
	if o.Exe == nil {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		o.Exe = []string{exe, "__supervise"}
	}
	adopt() // orphans of a supervisor that dies come to us
	b := &Backend{o: o, boot: bootID(), updates: make(chan runner.Update, 4096), later: make(chan *ahead, 64),
		done: make(chan struct{}), jobs: map[string]*slot{}}
	b.wg.Add(2)
	go b.poll()
	go b.prepareLater()
	return b, nil
}

// Updates is the news of all jobs.
func (b *Backend) Updates() <-chan runner.Update { return b.updates }

// Start hands the job to a free slot, or, if it may wait, to one that will be.
// The directory is made and the order sent on a goroutine of its own, so that
// the loop can start the next trial.
func (b *Backend) Start(_ context.Context, job runner.Job) error {
	s, err := b.place(job.Waits)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.jobs[job.Name] != nil {
		return fmt.Errorf("local: job %s runs already", job.Name)
	}
	b.jobs[job.Name] = s
	n := &ahead{slot: s, f: newFollowed(job, b.o.Patterns)}
	s.next = append(s.next, n)
	if job.Waits {
		select {
		case b.later <- n:
			return nil
		default:
		}
	}
	b.wg.Add(1)
	go func() {
		defer b.wg.Done()
		b.prepare(n)
		b.dirs.ahead(job)
	}()
	return nil
}

// stopAsked is a stop that came before the job had reached its supervisor.
type stopAsked struct {
	why  sweep.Stop
	hard bool
}

func (b *Backend) order(job runner.Job) *order {
	o := &order{name: job.Name, token: job.Token, boot: b.boot, argv: job.Argv, dir: job.Dir, trialDir: job.TrialDir,
		env:     append(job.Env[:len(job.Env):len(job.Env)], "TRAWL_TOKEN="+job.Token),
		timeout: job.Timeout, stall: job.StallTimeout, signal: job.Signal, grace: job.Grace, logLimit: job.LogLimit, memory: job.Memory}
	if job.StallTimeout > 0 {
		o.files = job.Files
	}
	if job.Grant != nil {
		o.held = job.Grant.Held
	}
	if o.logLimit <= 0 {
		o.logLimit = defaultLogLimit
	}
	return o
}

// place returns the slot for a new job: one with nothing to do, else, for a job
// that may wait, the one with the fewest jobs before it.
func (b *Backend) place(waits bool) (*slot, error) {
	if err := b.find(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var best, least *slot
	used := map[string]bool{}
	for _, s := range b.slots {
		used[s.dir] = true
		if least == nil || len(s.next) < len(least.next) {
			least = s
		}
		if !s.busy && len(s.next) == 0 && (best == nil || s.conn != nil && best.conn == nil || s.unsettled < best.unsettled) {
			best = s
		}
	}
	if best == nil && waits {
		best = least
	}
	for k := 0; best == nil; k++ {
		if dir := b.slotDir(k); !used[dir] {
			best = &slot{b: b, dir: dir}
			b.slots = append(b.slots, best)
		}
	}
	return best, nil
}

func (b *Backend) slotDir(k int) string { return filepath.Join(b.o.RunsDir, ".slots", strconv.Itoa(k)) }

// drop frees the slot for the job that waits for it.
func (b *Backend) drop(s *slot) {
	b.mu.Lock()
	s.busy = false
	b.mu.Unlock()
	s.advance()
}

// Stop asks a job to end.
func (b *Backend) Stop(name string, why sweep.Stop, hard bool) {
	b.mu.Lock()
	s := b.jobs[name]
	b.mu.Unlock()
	if s != nil {
		s.stop(name, why, hard)
	}
}

// Settled frees a job's place in its slot's ring.
func (b *Backend) Settled(name string) {
	b.mu.Lock()
	s := b.jobs[name]
	delete(b.jobs, name)
	var next *order
	if s != nil {
		s.unsettled--
		if s.waiting != nil && s.unsettled < ringRecords-1 {
			next, s.waiting = s.waiting, nil
		}
	}
	b.mu.Unlock()
	if next != nil {
		if err := s.start(next); err != nil {
			s.lost(next.token)
		}
	}
}

// Aside starts a command of trawl's own, which leads its own session. What the
// backend does to processes that trials left behind spares it and all it starts.
func (b *Backend) Aside(cmd *exec.Cmd) error {
	b.spawning.Lock()
	defer b.spawning.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if b.aside == nil {
		b.aside = map[int]bool{}
	}
	b.aside[cmd.Process.Pid] = true
	return nil
}

// emit sends an update, unless the backend is closed.
func (b *Backend) emit(u runner.Update) {
	select {
	case b.updates <- u:
		return
	default:
	}
	select {
	case b.updates <- u:
	case <-b.done:
	}
}

// poll reads the output of running trials until Close.
func (b *Backend) poll() {
	defer b.wg.Done()
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		select {
		case <-b.done:
			return
		case <-t.C:
		}
		b.mu.Lock()
		var busy []*slot
		for _, s := range b.slots {
			if s.busy && s.job != nil {
				busy = append(busy, s)
			}
		}
		b.mu.Unlock()
		for _, s := range busy {
			s.follow()
		}
	}
}

// Close lets go of the supervisors: those with a trial go on alone.
func (b *Backend) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	close(b.done)
	slots := b.slots
	b.mu.Unlock()
	for _, s := range slots {
		s.close()
	}
	b.wg.Wait()
	for _, s := range slots {
		if s.job != nil { // its supervisor holds on
			s.job.job.Grant.Release()
		}
		for _, n := range s.next {
			n.f.job.Grant.Release()
		}
	}
	b.dirs.close()
	close(b.updates)
	return nil
}

// find takes stock, once, of what an earlier process left: supervisors that
// live are attached, rings of others are read.
func (b *Backend) find() error {
	if b.found {
		return nil
	}
	b.found = true
	root := filepath.Join(b.o.RunsDir, ".slots")
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	for _, e := range entries {
		s := &slot{b: b, dir: filepath.Join(root, e.Name())}
		if err := s.adoptOrLock(); err != nil {
			return err
		}
		current, ended := readRing(filepath.Join(s.dir, "ring"))
		b.mu.Lock()
		s.current = current
		b.ended = append(b.ended, ended...)
		b.slots = append(b.slots, s)
		b.mu.Unlock()
	}
	return nil
}

// Recover finds a job that an earlier process started.
func (b *Backend) Recover(_ context.Context, job runner.Job) error {
	if err := b.find(); err != nil {
		return err
	}
	sameBoot := job.Boot == "" || b.boot == "" || job.Boot == b.boot
	b.mu.Lock()
	for _, s := range b.slots {
		if s.busy && s.job == nil && s.holds.Name == job.Name && s.holds.Token == job.Token {
			s.job = newFollowed(job, b.o.Patterns)
			b.jobs[job.Name] = s
			b.mu.Unlock()
			s.given = job.Token
			s.listen()
			return nil
		}
	}
	past := slices.Clone(b.ended)
	b.mu.Unlock()
	for _, r := range past {
		if r.Name == job.Name && r.Token == job.Token {
			f := newFollowed(job, b.o.Patterns)
			b.wg.Add(1)
			go func() {
				defer b.wg.Done()
				b.finish(f, r.Exit)
			}()
			return nil
		}
	}
	if sameBoot {
		b.hunt(job.Token)
	}
	return runner.ErrGone
}

// hunt ends what is left of an attempt whose supervisor died.
func (b *Backend) hunt(token string) {
	sessions := map[int]uint64{}
	b.mu.Lock()
	for _, s := range b.slots {
		if c := s.current; c != nil && c.Token == token && c.Boot == b.boot {
			sessions[c.PID] = c.Born
		}
	}
	b.mu.Unlock()
	until := time.Now().Add(killPatience)
	for empty := 0; empty < 3 && time.Now().Before(until); {
		pids := traces(token, sessions)
		for _, p := range pids {
			_ = syscall.Kill(p, syscall.SIGKILL)
			_, _ = syscall.Wait4(p, nil, syscall.WNOHANG|wall, nil) // ours, if its parents died
		}
		if empty++; len(pids) > 0 {
			empty = 0
		}
		time.Sleep(5 * time.Millisecond) // one that is between fork and exec shows no environment
	}
}

// finish reads what is left of the output and tells the end.
func (b *Backend) finish(f *followed, x sweep.Exit) {
	f.order.Lock()
	defer f.order.Unlock()
	b.release(f, &x)
	b.emit(f.last(x, nil))
}

// release gives back what a job that has ended had been granted, and notes what
// it used of it.
func (b *Backend) release(f *followed, x *sweep.Exit) {
	if g := f.job.Grant; g != nil {
		if g.PeakMB != nil {
			x.GPUMemMB = g.PeakMB()
		}
		g.Release()
	}
	if b.o.Devices != nil {
		x.GPUMemMB = max(x.GPUMemMB, b.o.Devices.peak(f.job.Token))
	}
}
