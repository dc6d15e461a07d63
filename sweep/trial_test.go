package sweep

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

var allStates = []State{"", Queued, Running, Paused, Finished, Pruned, Failed, Diverged, Killed}

// at returns a trial with two attempts behind it, in the given state.
func at(s State) Trial {
	if s == "" {
		return Trial{}
	}
	t := Trial{ID: 7, State: s, Attempt: 2, Failures: 1, Crashes: 1, Reason: "before", Value: 0.5}
	switch {
	case s == Running:
		t.Token = "token"
	case s == Finished || s == Pruned:
		t.HasValue = true
	case s == Failed:
		t.Class = ClassExit
	}
	return t
}

func ended(s State, attempt int, why Requeue) Event {
	return &Ended{Trial: 7, Attempt: attempt, State: s, Requeue: why, Reason: "after"}
}

// TestApplyTable says for every state and event whether it can happen, and what
// state follows. "-" is an error.
func TestApplyTable(t *testing.T) {
	const no = State("-")
	all := func(s State) (out [9]State) {
		for i := range out {
			out[i] = s
		}
		return out
	}
	only := func(given ...State) (out [9]State) { // pairs: state, next
		out = all(no)
		for i := 0; i < len(given); i += 2 {
			for k, s := range allStates {
				if s == given[i] {
					out[k] = given[i+1]
				}
			}
		}
		return out
	}
	for _, tt := range []struct {
		name  string
		event Event
		next  [9]State // in the order of allStates
	}{
		{"proposed", &Proposed{Trial: 7}, only("", Queued)},
		{"started, next attempt", &Started{Trial: 7, Attempt: 3}, only(Queued, Running, Paused, Running)},
		{"started, same attempt", &Started{Trial: 7, Attempt: 2}, all(no)},
		{"started, attempt left out", &Started{Trial: 7, Attempt: 4}, all(no)},
		{"stopping", &Stopping{Trial: 7, Attempt: 2, Why: StopPrune}, only(Running, Running)},
		{"ended finished", ended(Finished, 2, ""), only(Running, Finished)},
		{"ended pruned", ended(Pruned, 2, ""), only(Running, Pruned)},
		{"ended failed", ended(Failed, 2, ""), only(Running, Failed)},
		{"ended diverged", ended(Diverged, 2, ""), only(Running, Diverged)},
		{"ended killed", ended(Killed, 2, ""), only(Running, Killed, Queued, Killed)},
		{"ended requeued", ended(Queued, 2, RequeueRetry), only(Running, Queued)},
		{"ended paused", ended(Paused, 2, ""), only(Running, Paused)},
		{"ended running", ended(Running, 2, ""), all(no)},
		{"ended nowhere", ended("", 2, ""), all(no)},
		{"ended, other attempt", ended(Finished, 1, ""), all(no)},
		{"ended by an earlier outcome", ended(Finished, 0, ""), only(Queued, Finished)},
		{"pruned by an imported outcome", ended(Pruned, 0, ""), only(Queued, Pruned)},
		{"failed by an imported outcome", ended(Failed, 0, ""), only(Queued, Failed)},
		{"diverged by an imported outcome", ended(Diverged, 0, ""), only(Queued, Diverged)},
		{"queued by an imported outcome", ended(Queued, 0, ""), all(no)},
		{"requeued", &Requeued{Trial: 7}, only(Finished, Queued, Pruned, Queued, Failed, Queued, Diverged, Queued, Killed, Queued)},
		{"spec", &SpecSet{}, all(no)},
		{"note", &Note{Trial: 7}, all(no)},
	} {
		for i, from := range allStates {
			before := at(from)
			got, err := before.Apply(tt.event)
			if want := tt.next[i]; want == no {
				if err == nil || !reflect.DeepEqual(got, before) {
					t.Errorf("%s while %s: got %s, %v; want an error and no change", tt.name, orNew(from), got.State, err)
				}
			} else if err != nil || got.State != want {
				t.Errorf("%s while %s: got %s, %v; want %s", tt.name, orNew(from), got.State, err, want)
			}
		}
	}
}

func apply(t *testing.T, tr Trial, events ...Event) Trial {
	t.Helper()
	for _, e := range events {
		next, err := tr.Apply(e)
		if err != nil {
			t.Fatal(err)
		}
		tr = next
	}
	return tr
}

func TestApplyCarries(t *testing.T) {
	p := &Proposed{Trial: 3, Proposal: 5, PointID: 2, Repeat: 1, Seed: 9, Revision: 4, Note: "n", Point: Point{IntValue(1)}}
	tr := apply(t, Trial{}, p)
	want := Trial{ID: 3, Proposal: 5, PointID: 2, Repeat: 1, Seed: 9, Revision: 4, Note: "n", Point: p.Point, State: Queued}
	if !reflect.DeepEqual(tr, want) {
		t.Errorf("proposed: got %+v, want %+v", tr, want)
	}
	tr = apply(t, tr, &Started{Trial: 3, Attempt: 1, Token: "x"}, &Stopping{Trial: 3, Attempt: 1, Why: StopPrune, Reason: "worse"})
	if tr.Attempt != 1 || tr.Token != "x" || tr.Stopping != StopPrune || tr.Reason != "worse" {
		t.Errorf("stopping: got %+v", tr)
	}
	tr = apply(t, tr, &Stopping{Trial: 3, Why: StopKill, Reason: "user"}, &Stopping{Trial: 3, Why: StopInterrupt, Reason: "later"})
	if tr.Stopping != StopKill || tr.Reason != "user" {
		t.Errorf("the user's word is final: got %s, %q", tr.Stopping, tr.Reason)
	}
	tr = apply(t, tr, &Ended{Trial: 3, Attempt: 1, State: Finished, HasObjective: true, Objective: 0.25})
	if tr.State != Finished || !tr.HasValue || tr.Value != 0.25 || tr.Token != "" || tr.Stopping != StopNone {
		t.Errorf("ended: got %+v", tr)
	}
	tr = apply(t, tr, &Requeued{Trial: 3, Reason: "again"})
	if tr.State != Queued || tr.HasValue || tr.Reason != "again" || tr.Attempt != 1 {
		t.Errorf("requeued: got %+v", tr)
	}
}

func TestApplyCounts(t *testing.T) {
	for why, want := range map[Requeue][2]int{RequeueRetry: {2, 1}, RequeueCrash: {1, 2}, RequeueInterrupt: {1, 1}, RequeueNone: {1, 1}} {
		tr := apply(t, at(Running), ended(Queued, 2, why))
		if got := [2]int{tr.Failures, tr.Crashes}; got != want {
			t.Errorf("requeue %q: failures, crashes: got %v, want %v", why, got, want)
		}
	}
	if tr := apply(t, at(Failed), &Requeued{Trial: 7}); tr.Failures != 0 || tr.Crashes != 0 || tr.Class != "" {
		t.Errorf("requeued by the user: got %+v; want the counts at 0", tr)
	}
}

// TestApplyProperty: whatever is thrown at a trial, it stays what it is: an
// error changes nothing, the id and the point never change, attempts never go
// down and only Started raises them, a settled trial moves only by Requeued.
func TestApplyProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr, err := Trial{}.Apply(&Proposed{Trial: 7, Point: Point{IntValue(1)}})
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			e := drawEvent(t, tr.Attempt)
			next, err := tr.Apply(e)
			switch _, requeued := e.(*Requeued); {
			case err != nil:
				if !reflect.DeepEqual(next, tr) {
					t.Fatalf("%T failed and changed the trial: %+v → %+v", e, tr, next)
				}
			case tr.State.Settled() && !requeued:
				t.Fatalf("%T moved a trial that was %s", e, tr.State)
			case next.State == Running && next.Attempt == 0, next.State != Running && next.Stopping != StopNone:
				t.Fatalf("%T led to %+v", e, next)
			}
			if _, started := e.(*Started); next.Attempt != tr.Attempt && (!started || next.Attempt != tr.Attempt+1) {
				t.Fatalf("%T: attempt %d → %d", e, tr.Attempt, next.Attempt)
			}
			if next.ID != 7 || len(next.Point) != 1 {
				t.Fatalf("%T changed what the trial is: %+v", e, next)
			}
			tr = next
		}
	})
}

func drawEvent(t *rapid.T, attempt int) Event {
	attempt += rapid.SampledFrom([]int{0, 0, 0, 1, 1, -1}).Draw(t, "attempt")
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return &Proposed{Trial: 7}
	case 1, 2:
		return &Started{Trial: 7, Attempt: attempt, Token: "t"}
	case 3:
		return &Stopping{Trial: 7, Attempt: attempt, Why: rapid.SampledFrom([]Stop{StopPrune, StopKill, StopInterrupt}).Draw(t, "why")}
	case 4:
		return &Ended{Trial: 7, Attempt: attempt, State: rapid.SampledFrom(allStates).Draw(t, "state"),
			Requeue: rapid.SampledFrom([]Requeue{"", RequeueRetry, RequeueCrash}).Draw(t, "requeue")}
	}
	return &Requeued{Trial: 7}
}

func TestSettled(t *testing.T) {
	settled := map[State]bool{Finished: true, Pruned: true, Failed: true, Diverged: true, Killed: true}
	for _, s := range allStates {
		if s.Settled() != settled[s] {
			t.Errorf("%q: got %v", s, s.Settled())
		}
	}
}

func TestEventsNameTheirSubject(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range []Event{&SpecSet{}, &Proposed{Trial: 7}, &Started{Trial: 7}, &Stopping{Trial: 7}, &Ended{Trial: 7}, &Requeued{Trial: 7}, &Note{Trial: 7}} {
		if seen[e.Kind()] || e.Kind() == "" {
			t.Errorf("%T: kind %q is not its own", e, e.Kind())
		}
		seen[e.Kind()] = true
		if _, whole := e.(*SpecSet); whole != (e.Subject() == 0) {
			t.Errorf("%T: subject %d", e, e.Subject())
		}
	}
}
