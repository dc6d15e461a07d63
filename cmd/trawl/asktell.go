package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

type askTellOptions struct {
	fileOptions
	sync  bool
	store bool // --db was given
}

func newAskTellCmd(a *app) *cobra.Command {
	var o askTellOptions
	cmd := &cobra.Command{
		Use:   "ask-tell [FILE]",
		Short: "The planner alone, as JSON lines on stdin and stdout",
		Long: `Ask-tell hands out the points of FILE (default sweep.yaml) and takes their
results: one JSON object per line in, one out, in order.

  {"cmd":"ask","n":2}                                    → {"trials":[{"trial":1,"params":{…}},…]}
  {"cmd":"report","trial":1,"step":3,"metrics":{"loss":0.4}} → {"stop":false,"reason":""}
  {"cmd":"tell","trial":1,"metrics":{"loss":0.3}}        → {"ok":true}
  {"cmd":"tell","trial":1,"state":"failed"}              → {"ok":true}

An empty list of trials means that there are no more. Mistakes are answered by
{"error":"…"}. Numbers may be NaN and Infinity, without quotes. A tell without metrics takes the
last reported ones. Everything is in memory unless --db is given; then an answer
means safe from kill -9, and is on the disk within 100 ms (--sync: before the
answer). A second start hands out the asked but untold trials first.

"stop" is true once early_terminate or stop_if of FILE says so; a tell without a
state then counts as pruned or diverged.

Exit status: 0 at the end of the input · 1 error · 2 usage or sweep file · 75
another trawl owns the sweep.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.take(cmd, args); err != nil {
				return err
			}
			o.store = cmd.Flags().Changed("db")
			if o.sync && !o.store {
				return usagef("--sync: want --db with it")
			}
			return a.askTell(cmd.Context(), o)
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.sync, "sync", false, "answer only when the disk has it")
	return cmd
}

// asker is the state of an ask-tell session.
type asker struct {
	spec    *sweep.Spec
	planner *loop.Planner
	judge   *loop.Judge    // nil: no trial is told to stop
	tick    int64          // of the last reports or end that the judge saw
	store   *results.Store // nil: in memory
	sync    bool
	open    map[sweep.TrialID]*asked
	waiting []sweep.TrialID // of an earlier session: asked, never told
	last    sweep.TrialID
	now     func() int64
	buf     []byte
}

type asked struct {
	trial  sweep.Trial
	params string
	series map[string]*sweep.Series
	ruling loop.Ruling // it was told to stop
}

func (a *app) askTell(ctx context.Context, o askTellOptions) error {
	f, err := a.load(o.fileOptions)
	if err != nil {
		return err
	}
	s := &asker{spec: f.Spec, sync: o.sync, open: map[sweep.TrialID]*asked{}, now: func() int64 { return a.now().UnixMicro() }}
	revision := 1
	var own *sweeping
	if o.store {
		dir, err := os.Getwd()
		if err != nil {
			return err
		}
		if own, err = a.own(ctx, f.Spec, dir, revise{}); err != nil {
			return err
		}
		defer own.close()
		s.store, revision = own.store, own.revision
	} else if err := refuseUnbuilt(f.Spec); err != nil {
		return err
	}
	smp, err := sampler.New(f.Spec.Sampler, plan(f.Spec))
	if err != nil {
		return err
	}
	s.planner = loop.NewPlanner(f.Spec, smp, revision)
	if s.judge, err = judge(f.Spec); err != nil {
		return err
	}
	if s.store != nil {
		if err := s.fold(ctx, revision); err != nil {
			return err
		}
		stop := drainAcks(s.store)
		defer stop()
	}
	err = s.serve(ctx, a.stdin, a.stdout)
	if s.store != nil {
		err = errors.Join(err, s.store.Flush(ctx))
	}
	return err
}

// drainAcks takes the acks where nobody waits for them: Flush does.
func drainAcks(store *results.Store) (stop func()) {
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-store.Acks():
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

// fold takes up what an earlier session asked and was told.
func (s *asker) fold(ctx context.Context, revision int) error {
	for entry, err := range s.store.Entries(ctx) {
		if err != nil {
			return err
		}
		switch e := entry.Event.(type) {
		case *sweep.Proposed:
			pt, err := s.spec.Space.ParseJSON([]byte(e.Params))
			if err != nil {
				return err
			}
			e.Point = pt
			s.planner.Fold(e)
			if err := s.take(e); err != nil {
				return err
			}
		case *sweep.Stopping:
			if x := s.open[e.Trial]; x != nil {
				x.ruling = loop.Ruling{Why: e.Why, Verdict: sweep.Verdict{Stop: true, Reason: e.Reason, Inputs: e.Inputs}}
			}
		case *sweep.Ended:
			if x := s.open[e.Trial]; x != nil && e.State.Settled() {
				x.trial.State = e.State
				s.planner.Settle(x.trial, told(e))
				s.planner.Drops() // their notes are in the journal, with the end
				delete(s.open, e.Trial)
			}
		}
	}
	var err error
	if s.tick, err = s.judge.Resume(s.store.Entries(ctx), s.store.Ticked(ctx)); err != nil {
		return err
	}
	for id := sweep.TrialID(1); id <= s.last; id++ {
		x := s.open[id]
		if x == nil {
			continue
		}
		s.waiting = append(s.waiting, id)
		for r, err := range s.store.TrialReports(ctx, id) {
			if err != nil {
				return err
			}
			x.report(r.Name, r.Step, r.Value)
		}
	}
	return nil
}

func (s *asker) take(e *sweep.Proposed) error {
	t, err := sweep.Trial{}.Apply(e)
	if err != nil {
		return err
	}
	t.State, t.Attempt = sweep.Running, 1
	s.open[e.Trial] = &asked{trial: t, params: e.Params}
	s.judge.Open(e.Trial, e.Repeat)
	s.last = max(s.last, e.Trial)
	return nil
}

// maxRequest bounds a line of the protocol.
const maxRequest = 16 << 20

// serve answers until the input ends. Answers are flushed, and with a store
// made safe, when no further request waits: so many in flight share a commit.
func (s *asker) serve(ctx context.Context, in io.Reader, out io.Writer) error {
	r := bufio.NewReaderSize(in, 1<<16)
	w := bufio.NewWriterSize(out, 1<<16)
	var events []sweep.Event
	var posts []sweep.Post
	pending := 0
	safe := func() error {
		if err := s.makeSafe(ctx, events, posts); err != nil {
			return err
		}
		events, posts, pending = events[:0], posts[:0], 0
		return w.Flush()
	}
	for {
		line, err := readLine(r)
		if err != nil && len(line) == 0 {
			return errors.Join(safe(), ignoreEOF(err))
		}
		if len(bytes.TrimSpace(line)) > 0 {
			ev, post := s.answer(line, w)
			events, posts = append(events, ev...), append(posts, post...)
			pending++
		}
		if r.Buffered() == 0 || pending >= 512 {
			if err := safe(); err != nil {
				return err
			}
		}
	}
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return line, err
	}
	long := append([]byte(nil), line...)
	for err == bufio.ErrBufferFull {
		line, err = r.ReadSlice('\n')
		if len(long)+len(line) > maxRequest {
			return nil, fmt.Errorf("a request is longer than %d bytes", maxRequest)
		}
		long = append(long, line...)
	}
	return long, err
}

// makeSafe writes what the answers promise, before they are flushed.
func (s *asker) makeSafe(ctx context.Context, events []sweep.Event, posts []sweep.Post) error {
	if s.store == nil || len(events)+len(posts) == 0 {
		return nil
	}
	if s.sync {
		if len(events) > 0 {
			s.store.Post(sweep.Post{Events: append([]sweep.Event(nil), events...)})
		}
		for _, p := range posts {
			s.store.Post(p)
		}
		return s.store.Flush(ctx)
	}
	return s.store.RecordPosts(ctx, events, posts)
}

// request is a line of the protocol; metrics stay raw, since Python writes NaN.
type request struct {
	Cmd     string          `json:"cmd"`
	N       *int            `json:"n"`
	Trial   sweep.TrialID   `json:"trial"`
	Step    *int64          `json:"step"`
	Metrics json.RawMessage `json:"metrics"`
	State   string          `json:"state"`
	Reason  string          `json:"reason"`
}

// answer handles one request and writes its answer; what must be made safe
// before the answer goes out is returned.
func (s *asker) answer(line []byte, w *bufio.Writer) ([]sweep.Event, []sweep.Post) {
	fail := func(format string, args ...any) ([]sweep.Event, []sweep.Post) {
		b, _ := json.Marshal(map[string]string{"error": fmt.Sprintf(format, args...)})
		w.Write(append(b, '\n'))
		return nil, nil
	}
	if bytes.Contains(line, []byte(`"`+bareMark)) {
		return fail("not a request: a text that begins with NUL")
	}
	var q request
	if err := json.Unmarshal(quoteNonFinite(line), &q); err != nil {
		var odd *json.UnmarshalTypeError
		switch {
		case errors.As(err, &odd) && odd.Field != "":
			return fail("%s: got %s; want %s", odd.Field, odd.Value, jsonKind(odd.Type.Kind()))
		case errors.As(err, &odd):
			err = errors.New("got " + odd.Value)
		}
		return fail("not a request: %v; want one JSON object per line with \"cmd\"", err)
	}
	switch q.Cmd {
	case "ask":
		n := 1
		if q.N != nil {
			n = *q.N
		}
		if n < 1 || n > 100_000 {
			return fail("n %d: want 1 … 100000", n)
		}
		ev, err := s.ask(n, w)
		if err != nil {
			return fail("%v", err)
		}
		return ev, nil
	case "report", "tell":
		x := s.open[q.Trial]
		if x == nil {
			if q.Trial >= 1 && q.Trial <= s.last {
				return fail("trial %d: it was told already", q.Trial)
			}
			return fail("trial %d: it was not asked for", q.Trial)
		}
		values, err := metrics(q.Metrics)
		if err != nil {
			return fail("metrics: %v", err)
		}
		if q.Cmd == "report" {
			return s.report(x, q, values, w, fail)
		}
		return s.tell(x, q, values, w, fail)
	}
	return fail("cmd %q: want ask, report or tell", q.Cmd)
}

// jsonKind says in JSON's words what a field of a request holds.
func jsonKind(k reflect.Kind) string {
	if k == reflect.String {
		return "a string"
	}
	return "a whole number"
}

// ask hands out trials: those of an earlier session first.
func (s *asker) ask(n int, w *bufio.Writer) ([]sweep.Event, error) {
	var out []*asked
	for n > len(out) && len(s.waiting) > 0 {
		if x := s.open[s.waiting[0]]; x != nil {
			out = append(out, x)
		}
		s.waiting = s.waiting[1:]
	}
	var events []sweep.Event
	if n > len(out) {
		got, err := s.planner.Next(n - len(out))
		if err != nil {
			return nil, err
		}
		for _, e := range got {
			if err := s.take(e); err != nil {
				return nil, err
			}
			x := s.open[e.Trial]
			out = append(out, x)
			events = append(events, e, &sweep.Started{Trial: e.Trial, Attempt: 1, Slot: -1})
		}
	}
	b := append(s.buf[:0], `{"trials":[`...)
	for i, x := range out {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"trial":`...)
		b = strconv.AppendInt(b, int64(x.trial.ID), 10)
		b = append(b, `,"params":`...)
		b = append(b, x.params...)
		b = append(b, `,"seed":`...)
		b = strconv.AppendInt(b, x.trial.Seed, 10)
		b = append(b, '}')
	}
	b = append(b, "]}\n"...)
	s.buf = b
	w.Write(b)
	return events, nil
}

type failer func(string, ...any) ([]sweep.Event, []sweep.Post)

func (s *asker) report(x *asked, q request, values []sweep.Report, w *bufio.Writer, fail failer) ([]sweep.Event, []sweep.Post) {
	if len(values) == 0 {
		return fail("report: want metrics")
	}
	if q.Step != nil && *q.Step < 0 {
		return fail("step %d: want at least 0", *q.Step)
	}
	for i := range values {
		values[i].Step = x.next(values[i].Name, q.Step)
		values[i].At = s.now()
		x.report(values[i].Name, values[i].Step, values[i].Value)
	}
	post := s.observe(x, values)
	answer := json.NewEncoder(w)
	answer.SetEscapeHTML(false)
	if err := answer.Encode(struct {
		Stop   bool   `json:"stop"`
		Reason string `json:"reason"`
	}{x.ruling.Stop, x.ruling.Reason}); err != nil {
		return fail("%s", err)
	}
	return nil, []sweep.Post{post}
}

// observe shows reports to the judge; a ruling goes into the journal with them,
// and stands.
func (s *asker) observe(x *asked, values []sweep.Report) sweep.Post {
	post := sweep.Post{Trial: x.trial.ID, Attempt: 1, Reports: values}
	if s.judge == nil || len(values) == 0 {
		return post
	}
	s.tick++
	post.Tick, post.Reports = s.tick, loop.InOrder(values)
	if r := s.judge.Observe(x.trial.ID, 1, post.Reports); r.Stop && !x.ruling.Stop {
		x.ruling = r
		post.Events = append(post.Events, &sweep.Stopping{Trial: x.trial.ID, Attempt: 1, Why: r.Why, Reason: r.Reason, Inputs: r.Inputs, Tick: s.tick})
	}
	return post
}

// next is the step of a report: the one given, else the metric's last + 1.
func (x *asked) next(name string, step *int64) int64 {
	if step != nil {
		return *step
	}
	if s := x.series[name]; s != nil && s.Len() > 0 {
		last, _ := s.At(s.Len() - 1)
		return last + 1
	}
	return 0
}

func (x *asked) report(name string, step int64, v float64) {
	if x.series == nil {
		x.series = map[string]*sweep.Series{}
	}
	s := x.series[name]
	if s == nil {
		s = &sweep.Series{}
		x.series[name] = s
	}
	s.Add(1, step, v)
}

func (s *asker) tell(x *asked, q request, values []sweep.Report, w *bufio.Writer, fail failer) ([]sweep.Event, []sweep.Post) {
	e := &sweep.Ended{Trial: x.trial.ID, Attempt: 1, State: sweep.Finished, Reason: q.Reason}
	switch state := sweep.State(q.State); state {
	case sweep.Finished:
	case "":
		switch x.ruling.Why { // it did as it was told
		case sweep.StopPrune:
			e.State = sweep.Pruned
		case sweep.StopDiverge:
			e.State = sweep.Diverged
		}
		if e.Reason == "" {
			e.Reason = x.ruling.Reason
		}
	case sweep.Failed:
		e.State, e.Class = state, sweep.ClassExit
	case sweep.Pruned, sweep.Diverged, sweep.Killed:
		e.State = state
	default:
		return fail("state %q: want finished, failed, pruned, diverged or killed", q.State)
	}
	now := s.now()
	for i := range values {
		values[i].Step, values[i].At = x.next(values[i].Name, q.Step), now
		x.report(values[i].Name, values[i].Step, values[i].Value)
	}
	e.Exit = sweep.Exit{StartedAt: now, EndedAt: now}
	if missing := x.objective(s.spec, e); missing != "" && e.State == sweep.Finished {
		return fail("trial %d: metric %q was neither told nor reported", x.trial.ID, missing)
	}
	x.trial.State = e.State
	post := s.observe(x, values)
	if s.judge != nil {
		s.tick++
		e.Tick = s.tick
		s.judge.Settle(x.trial.ID, e.State)
	}
	s.planner.Settle(x.trial, told(e))
	delete(s.open, x.trial.ID)
	w.WriteString("{\"ok\":true}\n")
	events := append(post.Events, e)
	for _, n := range s.planner.Drops() {
		events = append(events, n)
	}
	post.Events = events
	return nil, []sweep.Post{post}
}

// objective fills in the objectives; it returns the name of a missing one.
func (x *asked) objective(spec *sweep.Spec, e *sweep.Ended) (missing string) {
	for i, o := range spec.Objectives {
		series := x.series[o.Name]
		if series == nil {
			return o.Name
		}
		v, step, _ := series.Reduce(o)
		if i == 0 {
			e.HasObjective, e.Objective, e.ObjectiveStep = true, v, step
		} else {
			e.Others = append(e.Others, v)
		}
		if (math.IsNaN(v) || math.IsInf(v, 0)) && e.State == sweep.Finished {
			e.State, e.Reason = sweep.Diverged, "the last report is "+sweep.KindOf(v)
		}
	}
	return ""
}

func told(e *sweep.Ended) []float64 {
	if !e.HasObjective {
		return nil
	}
	return append([]float64{e.Objective}, e.Others...)
}
