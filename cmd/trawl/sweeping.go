package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/inproc"
	"github.com/trawl-sweep/trawl/runner/local"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

// sweeping is a sweep that this process owns, ready to run.
type sweeping struct {
	a        *app
	spec     *sweep.Spec
	revision int
	baseDir  string // where `trawl run` was started: trials run there
	runs     string // trawl-runs/NAME
	db       *results.DB
	store    *results.Store
	learned  []sweep.Learned // of `from:`, for the first event or that of an extension
	first    []loop.Control  // done before anything starts
	fits     fitting
}

// revise says what an edited file may do to a sweep that exists.
type revise struct{ extend, fresh bool }

// own opens the database, takes the sweep and brings its revision up to date
// with the spec.
func (a *app) own(ctx context.Context, spec *sweep.Spec, baseDir string, how revise) (*sweeping, error) {
	if err := refuseUnbuilt(spec); err != nil {
		return nil, err
	}
	db, err := a.open(ctx, true)
	if err != nil {
		return nil, err
	}
	s := &sweeping{a: a, spec: spec, db: db, baseDir: baseDir}
	if err := s.claim(ctx, how); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *sweeping) close() {
	if s.store != nil {
		s.store.Close()
	}
	s.db.Close()
}

func refuseUnbuilt(spec *sweep.Spec) error {
	if len(spec.Unbuilt) == 0 {
		return nil
	}
	return usagef("this version cannot run what the sweep file asks for yet: %s", strings.Join(spec.Unbuilt, "; "))
}

// refuseUnrunnable refuses what no trial of can be started.
func refuseUnrunnable(spec *sweep.Spec) error {
	if needsProgram(spec) {
		return usagef("the sweep file has no program: trials cannot be started; want program: FILE, a command: in the file, or -- CMD")
	}
	return refuseUnbuilt(spec)
}

// needsProgram reports whether the command names a program that the file lacks,
// as of sweep files that a notebook hands to an agent of W&B.
func needsProgram(spec *sweep.Spec) bool {
	if spec.Program != "" || spec.Trainer != nil {
		return false
	}
	words := append([]string{spec.Shell}, spec.Command...)
	return len(spec.Command) == 0 && spec.Shell == "" || slices.ContainsFunc(words, func(w string) bool {
		return strings.Contains(strings.ReplaceAll(w, "$${", ""), "${program}")
	})
}

func (s *sweeping) claim(ctx context.Context, how revise) error {
	last, err := s.lastSpec(ctx, s.spec.Name)
	if err != nil {
		return err
	}
	if last != nil && how.fresh {
		if err := s.rename(ctx); err != nil {
			return err
		}
		last = nil
	}
	if s.runs, err = runsDir(s.a.databasePath(), s.spec.Name); err != nil {
		return err
	}
	if last != nil && last.Digest != s.spec.Digest && !how.extend {
		return s.changed(last)
	}
	if last == nil || last.Digest != s.spec.Digest {
		if s.learned, err = s.learn(ctx); err != nil { // before there is a sweep
			return err
		}
	}
	if s.store, err = s.db.Claim(ctx, s.spec, s.runs); err != nil {
		return err
	}
	if err := ignoreRuns(filepath.Dir(s.runs)); err != nil {
		return err
	}
	return s.revise(ctx, last)
}

// lastSpec is the newest SpecSet of a sweep, nil if there is no such sweep.
func (s *sweeping) lastSpec(ctx context.Context, name string) (*sweep.SpecSet, error) {
	return lastSpec(ctx, s.db.Reader(), name)
}

func lastSpec(ctx context.Context, r *results.Reader, name string) (*sweep.SpecSet, error) {
	row, err := r.Sweep(ctx, name)
	if errors.Is(err, results.ErrNoSweep) || err == nil && row.Revision == 0 {
		return nil, nil
	}
	return &sweep.SpecSet{Revision: int(row.Revision), Doc: row.Doc, Digest: row.Digest, Dir: row.Dir}, err
}

// rename finds the first free NAME-2, NAME-3, … for --new.
func (s *sweeping) rename(ctx context.Context) error {
	for i := 2; ; i++ {
		name := fmt.Sprintf("%s-%d", s.spec.Name, i)
		last, err := s.lastSpec(ctx, name)
		if err != nil {
			return err
		}
		if last == nil {
			fmt.Fprintf(s.a.stderr, "trawl: this is a new sweep: %s\n", name)
			f, err := configs.Parse(name, []byte(s.spec.Doc), configs.Options{Name: name})
			if err != nil {
				return err
			}
			s.spec = f.Spec
			return nil
		}
	}
}

// changed refuses a file whose edit changes what is tried.
func (s *sweeping) changed(last *sweep.SpecSet) error {
	old, err := configs.Parse(s.spec.Name, []byte(last.Doc), configs.Options{})
	if err != nil {
		return fmt.Errorf("read the spec of sweep %s: %w", s.spec.Name, err)
	}
	_, what := configs.Compare(old.Spec, s.spec)
	fmt.Fprint(s.a.stderr, configs.Diff(what))
	return usagef("sweep %s exists, and the file now asks for other trials. Two ways on:\n"+
		"  --extend   a new revision of it: nothing runs again, old points inside the new space are history\n"+
		"  --new      a new sweep beside it", s.spec.Name)
}

// revise journals the spec where it is new or has changed.
func (s *sweeping) revise(ctx context.Context, last *sweep.SpecSet) error {
	e := &sweep.SpecSet{Revision: 1, Doc: s.spec.Doc, Digest: s.spec.Digest, Dir: s.baseDir, Version: version, Why: "run"}
	if last != nil {
		s.revision, s.baseDir = last.Revision, last.Dir
		if last.Doc == s.spec.Doc {
			return nil
		}
		e.Revision, e.Dir, e.Why = last.Revision, last.Dir, "how"
		if last.Digest != s.spec.Digest {
			e.Revision, e.Why = last.Revision+1, "extend"
			if err := s.adopt(ctx, e); err != nil {
				return err
			}
		}
		s.sayChanges(last)
	}
	if e.Why != "how" {
		e.Learned = s.learned
	}
	s.revision = e.Revision
	return s.store.Revise(ctx, e, s.spec)
}

// adopt tells the tables what an extension makes of the trials so far: what they
// had for new parameters, and which of their points are outside now.
func (s *sweeping) adopt(ctx context.Context, e *sweep.SpecSet) error {
	for _, p := range s.spec.Space.Params {
		if !p.Was.IsAbsent() {
			if e.Was == nil {
				e.Was = map[string]sweep.Value{}
			}
			e.Was[p.Name] = p.Was
		}
	}
	rows, err := s.db.Reader().Query(ctx, "select point, params from trials where sweep = ? group by point order by point", s.spec.Name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		id, ok := rows.Row()[0].(int64)
		pt, err := s.spec.Space.ParseJSON(fmt.Append(nil, rows.Row()[1]))
		if err != nil || !ok {
			return fmt.Errorf("point %v: %w", rows.Row()[0], err)
		}
		if _, inside := s.spec.Space.Adopt(pt); !inside {
			e.Outside = append(e.Outside, sweep.PointID(id))
		}
	}
	if n := len(e.Outside); n > 0 {
		fmt.Fprintf(s.a.stderr, "trawl: %d points are outside of the new space: they are kept and follow behind the ranking\n", n)
	}
	return rows.Err()
}

func (s *sweeping) sayChanges(last *sweep.SpecSet) {
	old, err := configs.Parse(s.spec.Name, []byte(last.Doc), configs.Options{})
	if err != nil {
		return
	}
	how, what := configs.Compare(old.Spec, s.spec)
	if d := configs.Diff(append(how, what...)); d != "" {
		fmt.Fprintf(s.a.stderr, "sweep %s changed since it last ran:\n%s", s.spec.Name, d)
	}
	for _, p := range configs.CheckExtend(old.Spec, s.spec) {
		fmt.Fprintf(s.a.stderr, "warning: %s; want %s\n", p.What, p.Want)
	}
}

func ignoreRuns(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("*\n")
	return errors.Join(err, f.Close())
}

// usableCores is what affinity and cgroups leave: the runtime knows both.
func usableCores() int { return runtime.GOMAXPROCS(0) }

// backend returns the backend of the spec.
func (s *sweeping) backend(d *local.Devices) (runner.Backend, error) {
	n := s.fits.n
	if s.spec.Trainer != nil {
		o := s.a.trainer(s.baseDir)
		o.Slots = n
		return inproc.New(o), nil
	}
	return local.New(local.Options{RunsDir: s.runs, Slots: n, Patterns: s.spec.Patterns, Devices: d})
}

// ahead is how many short trials are prepared while others run: the built-in
// trainer has nothing to prepare.
func (s *sweeping) ahead() int {
	if s.spec.Trainer != nil {
		return 0
	}
	return min(8*s.fits.n, max(2*s.fits.n, 64))
}

// run runs the sweep until it ends, and returns how.
func (s *sweeping) run(ctx context.Context, controls <-chan loop.Control, watch func(loop.News)) (loop.Summary, error) {
	smp, err := sampler.New(s.spec.Sampler, plan(s.spec))
	if err != nil {
		return loop.Summary{}, err
	}
	early, err := judge(s.spec)
	if err != nil {
		return loop.Summary{}, err
	}
	devices, err := s.fits.devices(s.spec)
	if err != nil {
		return loop.Summary{}, err
	}
	back, err := s.backend(devices)
	if err != nil {
		return loop.Summary{}, err
	}
	events, err := s.newHooks(ctx, back)
	if err != nil {
		return loop.Summary{}, errors.Join(err, back.Close())
	}
	defer events.close()
	c := loop.Config{
		Spec: s.spec, Revision: s.revision, Planner: loop.NewPlanner(s.spec, smp, s.revision),
		Backend: back, Journal: s.store, Clock: clock{s.a}, Slots: s.fits.n, Need: s.fits.need,
		Entries: s.store.Entries(ctx), Judge: early, Ticked: s.store.Ticked(ctx), Reports: s.reports, Mark: s.store.Mark, Ended: s.ended,
		Job: s.jobs(s.fits.n), Token: newToken, Host: host(), Boot: bootID(),
		FreeDisk: func() (int64, error) { return freeDisk(s.runs) },
		Ahead:    s.ahead(),
		First:    s.first, Controls: controls, Watch: func(n loop.News) { events.news(n); watch(n) },
	}
	c.Group, _ = fusing(s.spec, c.Planner)
	if devices != nil {
		c.Devices = devices
		defer devices.Close()
	}
	if err := s.journalProvenance(ctx); err != nil {
		return loop.Summary{}, errors.Join(err, back.Close())
	}
	// What lives is small and what trials leave behind dies young: rarer
	// collections cost some 20 MB and give short trials 4 % more of the processor.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	s.note("began", "running")
	sum, err := loop.Run(ctx, c)
	if cerr := back.Close(); err == nil {
		err = cerr
	}
	if !errors.Is(err, loop.ErrJournal) {
		s.note("ended", sweepState(sum, err))
		events.done(sum, sweepState(sum, err))
	}
	return sum, err
}

// sweepState is the state of a sweep after a run.
func sweepState(sum loop.Summary, err error) string {
	switch {
	case err != nil:
		return "interrupted"
	case sum.State == "finished" || sum.State == "target":
		return "finished"
	case sum.State == "fuse" || sum.State == "failures":
		return "failed"
	}
	return "stopped"
}

func (s *sweeping) note(what, state string) {
	_ = s.store.Record(context.Background(), &sweep.Note{What: what, State: state}) // what follows meets the same error, with a reader
}

func plan(spec *sweep.Spec) sweep.Plan {
	points := 0
	if n := spec.Repeats.N(); spec.RunCap > 0 {
		points = (spec.RunCap + n - 1) / n
	}
	return sweep.Plan{Space: spec.Space, Objectives: spec.Objectives, Seed: spec.Seed, RunCap: points, Options: spec.Options}
}

func (s *sweeping) reports(ctx context.Context, t sweep.TrialID) iter.Seq2[loop.AttemptReport, error] {
	return func(yield func(loop.AttemptReport, error) bool) {
		for r, err := range s.store.TrialReports(ctx, t) {
			if !yield(loop.AttemptReport{Attempt: r.Attempt, Report: r.Report}, err) {
				return
			}
		}
	}
}

// ended reads back what is needed to run an ended trial again.
func (s *sweeping) ended(ctx context.Context, id sweep.TrialID) (*sweep.Requeued, error) {
	t, err := s.db.Reader().Trial(ctx, s.spec.Name, id)
	if err != nil {
		return nil, err
	}
	if !t.State.Settled() {
		return nil, fmt.Errorf("trial %d is %s", id, t.State)
	}
	return &sweep.Requeued{Trial: id, Was: t.State, Attempt: t.Attempts, Proposal: t.Proposal, PointID: t.Point,
		Params: string(t.Params), Repeat: t.Repeat, Seed: t.Seed, Revision: t.Revision}, nil
}

func newToken() string {
	var b [12]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func host() string {
	h, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return h
}
