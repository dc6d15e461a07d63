package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

func newWhyCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "why TRIAL", Short: "Why a trial was suggested, ended early, ranks where it does, or waits",
		Long: `Why says of one trial (N, best, last, or SWEEP/ and one of these) who suggested it
and from what, why it was ended early and from which figures, where it ranks and
whether it can be told from the best, or what it waits for. All of it is read
from the journal.

Exit status: 0 · 1 error, or no such trial · 2 usage.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.why(cmd.Context(), args[0]) },
	}
	a.jsonFlag(cmd)
	return cmd
}

// whyJSON is an explanation as --json prints it.
type whyJSON struct {
	Sweep     string        `json:"sweep"`
	Trial     sweep.TrialID `json:"trial"`
	State     sweep.State   `json:"state"`
	Class     sweep.Class   `json:"class,omitempty"`
	Suggested whySuggested  `json:"suggested"`
	Ended     *whyEnded     `json:"ended,omitempty"`
	Ranked    *whyRanked    `json:"ranked,omitempty"`
	Waits     []string      `json:"waits,omitempty"`
	Next      string        `json:"next,omitempty"`
}

type whySuggested struct {
	By       string `json:"by"` // a method, points, add, import
	Proposal int64  `json:"proposal"`
	Note     string `json:"note,omitempty"`
	Why      string `json:"why"`
	Told     *int   `json:"told,omitempty"`    // points that the sampler had been told
	Pending  *int   `json:"pending,omitempty"` // points that it waited for
	Repeat   int    `json:"repeat"`
	Planned  int    `json:"planned"`
	Revision int    `json:"revision"`
}

type whyEnded struct {
	By     string          `json:"by"` // prune, diverge or kill
	Reason string          `json:"reason"`
	Rule   string          `json:"rule,omitempty"` // what ends trials so
	Inputs json.RawMessage `json:"inputs,omitempty"`
}

type whyRanked struct {
	results.RankRow
	Of  int    `json:"of"` // points that rank
	Why string `json:"why"`
}

func (a *app) why(ctx context.Context, which string) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	row, t, err := a.trialOf(ctx, r, which)
	if err != nil {
		return err
	}
	entries, err := r.Events(ctx, row.Name, 0)
	if err != nil {
		return err
	}
	spec, err := specAt(row, entries, t.Revision)
	if err != nil {
		return err
	}
	w := whyJSON{Sweep: row.Name, Trial: t.ID, State: t.State, Class: t.Class}
	if w.Suggested, err = suggested(spec, entries, t.ID); err != nil {
		return err
	}
	w.Ended = endedEarly(spec, entries, t)
	if t.State.Settled() {
		w.Ranked, err = ranked(ctx, r, row, t)
	} else {
		err = a.whyWaits(ctx, &w, r, row, t, entries)
	}
	if err != nil {
		return err
	}
	if t.State == sweep.Failed && !ranElsewhere(t) {
		w.Next = a.next("logs", fmt.Sprintf("%s/%d", row.Name, t.ID))
	}
	if a.json {
		return a.printJSON(w)
	}
	w.print(a.stdout)
	return nil
}

// specAt is the sweep file as it was when a revision was the newest.
func specAt(row results.SweepRow, entries []sweep.Entry, revision int) (*sweep.Spec, error) {
	for _, entry := range entries {
		if e, ok := entry.Event.(*sweep.SpecSet); ok && e.Revision == revision {
			row.Doc = e.Doc
		}
	}
	return specOf(row)
}

// suggested says where a trial came from.
func suggested(spec *sweep.Spec, entries []sweep.Entry, id sweep.TrialID) (whySuggested, error) {
	told, open := 0, map[sweep.PointID]int{} // point → repeats that have not ended
	points := map[sweep.TrialID]sweep.PointID{}
	for _, entry := range entries {
		switch e := entry.Event.(type) {
		case *sweep.Proposed:
			if e.Trial == id {
				return suggestion(spec, e, told, len(open)), nil
			}
			points[e.Trial] = e.PointID
			if e.Repeat == 1 {
				open[e.PointID] = e.Planned
			}
		case *sweep.Ended:
			p := points[e.Trial]
			if n, ok := open[p]; ok && e.State.Settled() {
				if open[p] = n - 1; n <= 1 {
					delete(open, p)
					told++
				}
			}
		}
	}
	return whySuggested{}, fmt.Errorf("trial %d: the journal does not have it", id)
}

func suggestion(spec *sweep.Spec, e *sweep.Proposed, told, pending int) whySuggested {
	s := whySuggested{By: spec.Sampler, Proposal: e.Proposal, Note: e.Note, Repeat: e.Repeat, Planned: e.Planned, Revision: e.Revision}
	switch {
	case strings.HasPrefix(e.Note, importedNote):
		s.By, s.Note, s.Why = "import", "", "from elsewhere: "+strings.TrimPrefix(e.Note, importedNote)
	case e.Proposal < -int64(len(spec.Points)):
		s.By, s.Why = "add", "the user asked for it: trawl add"
	case e.Proposal < 0:
		i := int(-e.Proposal) - 1
		s.By, s.Why = "points", fmt.Sprintf("points[%d] of the sweep file, which are tried first", i)
		if drawn := missing(spec, spec.Points[i]); len(drawn) > 0 {
			s.Why += "; drawn at random, since it does not give them: " + strings.Join(drawn, ", ")
		}
	case e.Note == loop.DrawnNote:
		s.Why = "drawn at random: the method had proposed what was tried already, 20 times in a row"
	default:
		s.Why = sampler.Explain(spec.Sampler, plan(spec), e.Note)
		if smp, err := sampler.New(spec.Sampler, plan(spec)); err == nil && smp.Looks() {
			s.Told, s.Pending = &told, &pending
		}
	}
	return s
}

// missing names the parameters that a point of the file leaves open.
func missing(spec *sweep.Spec, given map[string]sweep.Value) (names []string) {
	for _, d := range spec.Space.Dims() {
		for _, i := range d.Params {
			if _, ok := given[spec.Space.Params[i].Name]; !ok {
				names = append(names, spec.Space.Params[i].Name)
			}
		}
	}
	return names
}

// endedEarly is the last decision to end a trial; nil if it came to its end by
// itself.
func endedEarly(spec *sweep.Spec, entries []sweep.Entry, t results.TrialRow) *whyEnded {
	var last *sweep.Stopping
	for _, entry := range entries {
		if e, ok := entry.Event.(*sweep.Stopping); ok && e.Trial == t.ID && e.Attempt == t.Attempts {
			last = e
		}
	}
	if last == nil || t.State == sweep.Finished || last.Why == sweep.StopInterrupt {
		return nil
	}
	w := &whyEnded{By: string(last.Why), Reason: cmp.Or(last.Reason, t.Reason)}
	if json.Valid([]byte(last.Inputs)) {
		w.Inputs = json.RawMessage(last.Inputs)
	}
	switch last.Why {
	case sweep.StopPrune:
		w.Rule = describePruner(spec)
	case sweep.StopDiverge:
		if spec.StopIf != nil {
			w.Rule = "stop_if: " + spec.StopIf.String()
		}
	case sweep.StopKill:
		w.Reason = cmp.Or(w.Reason, "the user stopped it: trawl stop")
	}
	return w
}

// describePruner says in words what early_terminate does.
func describePruner(spec *sweep.Spec) string {
	e := spec.EarlyTerminate
	if e == nil {
		return ""
	}
	if p, err := pruner.New(e, spec.Objectives); err == nil {
		if d, ok := p.(sweep.Describer); ok {
			if words := d.Describe(); words != "" {
				return e.Type + ": " + words
			}
		}
	}
	return e.Type
}

// ranked finds the point of a trial in the ranking; nil where nothing ranks.
func ranked(ctx context.Context, r *results.Reader, row results.SweepRow, t results.TrialRow) (*whyRanked, error) {
	if row.Metric == "" {
		return nil, nil
	}
	all, err := r.Leaderboard(ctx, row.Name, 0, "")
	if err != nil {
		return nil, err
	}
	w := &whyRanked{}
	for _, x := range all {
		if x.Rank > 0 {
			w.Of++
		}
		if x.Point == t.Point {
			w.RankRow = x
		}
	}
	w.Why = w.words(row)
	return w, nil
}

func (w *whyRanked) words(row results.SweepRow) string {
	if w.Rank == 0 {
		s := fmt.Sprintf("does not rank: %d of %d repeats finished with a finite %s", w.N, w.Planned, row.Metric)
		_, rest, _ := strings.Cut(w.Note, ", ")
		return strings.TrimSuffix(s+" ("+rest+")", " ()")
	}
	s := fmt.Sprintf("%d of %d: %s = %s", w.Rank, w.Of, row.Metric, floatText(w.Mean))
	switch {
	case w.Front > 0:
		return s + fmt.Sprintf(", on front %d: %d fronts of points are better in everything", w.Front, w.Front-1)
	case w.Planned == 1:
		s += " in one run: without repeats nobody knows how much of a difference is chance"
	case w.Low.Valid:
		s += fmt.Sprintf(", the mean of %d of %d repeats; 95 %% interval %.5g … %.5g", w.N, w.Planned, w.Low.V, w.High.V)
	}
	switch {
	case w.Rank == 1 || !w.P.Valid || w.Tie == nil:
	case *w.Tie:
		s += fmt.Sprintf("; it ties with the best: a difference like this is chance with p = %.2g (Welch's test)", w.P.V)
	default:
		s += fmt.Sprintf("; it is worse than the best: p = %.2g (Welch's test)", w.P.V)
	}
	return s
}

// whyWaits says what a trial that has not ended is waiting for.
func (a *app) whyWaits(ctx context.Context, w *whyJSON, r *results.Reader, row results.SweepRow, t results.TrialRow, entries []sweep.Entry) error {
	add := func(format string, args ...any) { w.Waits = append(w.Waits, fmt.Sprintf(format, args...)) }
	who, owned := results.Owner(row.RunsDir)
	if t.State == sweep.Running && owned {
		if t.BegunAt != nil {
			add("it runs: attempt %d, since %s", t.Attempts, t.BegunAt.Local().Format(time.DateTime))
		}
		return nil
	}
	if why := requeued(entries, t.ID); why != "" {
		add("%s", why)
	}
	for _, line := range held(entries) {
		add("%s", line)
	}
	if !owned {
		add("no trawl runs the sweep")
		w.Next = a.next("resume", row.Name)
		return nil
	}
	queued, err := r.Trials(ctx, row.Name, results.Filter{States: []sweep.State{sweep.Queued}})
	if err != nil {
		return err
	}
	before := 0
	for _, q := range queued {
		if q.ID < t.ID {
			before++
		}
	}
	add("%d trials run (%s), %d queued ones come before it", row.Running, who, before)
	return nil
}

// requeued says why a trial went back to the queue; "" if it never did.
func requeued(entries []sweep.Entry, id sweep.TrialID) (why string) {
	words := map[sweep.Requeue]string{
		sweep.RequeueRetry: "attempt %d failed and is tried again: %s", sweep.RequeueCrash: "attempt %d was lost in a crash: %s",
		sweep.RequeueInterrupt: "attempt %d was interrupted: %s",
	}
	for _, entry := range entries {
		switch e := entry.Event.(type) {
		case *sweep.Ended:
			if f := words[e.Requeue]; e.Trial == id && f != "" {
				why = strings.TrimSuffix(fmt.Sprintf(f, e.Attempt, cmp.Or(e.Reason, string(e.Class))), ": interrupted")
			}
		case *sweep.Requeued:
			if e.Trial == id {
				why = cmp.Or(e.Reason, "sent back to the queue: trawl retry")
			}
		}
	}
	return why
}

// held says what keeps a sweep from starting trials, as of its latest run.
func held(entries []sweep.Entry) []string {
	now := map[string]string{}
	for _, entry := range entries {
		e, ok := entry.Event.(*sweep.Note)
		if !ok {
			continue
		}
		switch e.What {
		case "began":
			clear(now)
		case "paused":
			now["paused"] = strings.TrimSuffix("the sweep is paused: "+e.Text, ": ")
		case "continued", "ended":
			delete(now, "paused")
		case "drained":
			now["drained"] = strings.TrimSuffix("the sweep was drained: "+e.Text, ": ")
		case "fuse":
			now["fuse"] = "the fuse: " + e.Text
		case "low_disk":
			now["low_disk"] = e.Text
		}
	}
	var out []string
	for _, k := range []string{"fuse", "low_disk", "paused", "drained"} {
		if now[k] != "" {
			out = append(out, now[k])
		}
	}
	return out
}

func (w *whyJSON) print(out io.Writer) {
	state := string(w.State)
	if w.Class != "" {
		state += " (" + string(w.Class) + ")"
	}
	fmt.Fprintf(out, "trial      %s/%d, %s\n", plain(w.Sweep), w.Trial, state)
	s := w.Suggested
	by := s.By
	if s.Proposal >= 0 {
		by += fmt.Sprintf(", proposal %d", s.Proposal)
	}
	fmt.Fprintf(out, "suggested  %s: %s\n", by, plain(s.Why))
	if s.Told != nil {
		fmt.Fprintf(out, "           it knew the results of %d points and waited for %d\n", *s.Told, *s.Pending)
	}
	if s.Planned > 1 {
		fmt.Fprintf(out, "           repeat %d of %d\n", s.Repeat, s.Planned)
	}
	if e := w.Ended; e != nil {
		fmt.Fprintf(out, "ended      %s: %s\n", e.By, plain(e.Reason))
		if e.Rule != "" {
			fmt.Fprintf(out, "           by %s\n", plain(e.Rule))
		}
		if words := figures(e.Inputs); words != "" {
			fmt.Fprintf(out, "           from %s\n", plain(words))
		}
	}
	if w.Ranked != nil {
		fmt.Fprintf(out, "ranked     %s\n", plain(w.Ranked.Why))
	}
	for i, line := range w.Waits {
		head := "waits      "
		if i > 0 {
			head = "           "
		}
		fmt.Fprintln(out, head+plain(line))
	}
	if w.Next != "" {
		fmt.Fprintf(out, "next       %s\n", w.Next)
	}
}

// figures prints the JSON that a decision was made from as words and numbers.
func figures(doc json.RawMessage) string {
	var m map[string]any
	if json.Unmarshal(doc, &m) != nil {
		return ""
	}
	names := make([]string, 0, len(m))
	for k, v := range m {
		if v != nil {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	for i, k := range names {
		v := m[k]
		if f, ok := v.(float64); ok {
			v = fmt.Sprintf("%.6g", f)
		}
		names[i] = fmt.Sprintf("%s %v", strings.ReplaceAll(k, "_", " "), v)
	}
	return strings.Join(names, ", ")
}
