package results

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trawl-sweep/trawl/sweep"
)

func TestJournalLaw(t *testing.T) {
	text := rapid.StringMatching(`[ -~é\n\t"\\]*`)
	float := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 5e-324, math.MaxFloat64}))
	rapid.Check(t, func(r *rapid.T) {
		id := sweep.TrialID(rapid.Int64().Draw(r, "trial"))
		n := rapid.Int().Draw(r, "n")
		s := text.Draw(r, "text")
		f := float.Draw(r, "f")
		events := []sweep.Event{
			&sweep.SpecSet{Revision: n, Doc: s, Digest: s, Dir: s, Version: s, Why: s},
			&sweep.Proposed{Trial: id, Proposal: int64(n), PointID: sweep.PointID(n), Key: s, Params: s, Repeat: n, Planned: n, Seed: int64(n), Note: s},
			&sweep.Started{Trial: id, Attempt: n, Token: s, Boot: s, Host: s, Dir: s, Argv: s, Slot: n},
			&sweep.Stopping{Trial: id, Attempt: n, Why: sweep.Stop(s), Reason: s, Inputs: s},
			&sweep.Ended{Trial: id, Attempt: n, State: sweep.State(s), Class: sweep.Class(s), Requeue: sweep.Requeue(s), Reason: s, HasObjective: true,
				Objective: f, ObjectiveStep: int64(n), Others: []float64{f, 1}, Exit: sweep.Exit{Code: n, Message: s, CPUSeconds: 0.25}},
			&sweep.Ended{Trial: id, Attempt: n, State: sweep.State(s)},
			&sweep.Requeued{Trial: id, Reason: s},
			&sweep.Note{What: s, Trial: id, Text: s, State: s},
		}
		for _, e := range events {
			data, err := encode(e)
			if err != nil {
				r.Fatal(err)
			}
			got, err := decode(e.Kind(), data)
			if err != nil {
				r.Fatalf("%s: %v", data, err)
			}
			if d := cmp.Diff(e, got, cmpopts.EquateNaNs()); d != "" {
				r.Fatalf("%s: %s", data, d)
			}
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	for _, x := range [][2]string{{"", "{}"}, {"nosuch", "{}"}, {"ended", `{"value":"x"}`}, {"ended", `{`}, {"proposed", `[]`}, {"note", ``}} {
		if e, err := decode(x[0], x[1]); err == nil {
			t.Errorf("%q %q: got %v", x[0], x[1], e)
		}
	}
}

// FuzzJournal: whatever stands in the journal, reading it is an event or an
// error, and an event can be written again.
func FuzzJournal(f *testing.F) {
	for _, e := range []sweep.Event{
		&sweep.SpecSet{Revision: 1, Doc: "{}"}, proposed(1), started(1, 1), finished(1, math.NaN()), &sweep.Requeued{Trial: 1}, &sweep.Note{What: "began"},
		&sweep.Stopping{Trial: 1, Attempt: 1, Why: sweep.StopPrune},
	} {
		data, err := encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.Kind(), data)
	}
	f.Add("ended", `{"value":"NaN","others":[1,"-Infinity"]}`)
	f.Add("ended", `{"value":1e999}`)
	f.Fuzz(func(t *testing.T, kind, data string) {
		e, err := decode(kind, data)
		if err != nil {
			return
		}
		if e.Kind() != kind {
			t.Fatalf("got kind %q, want %q", e.Kind(), kind)
		}
		again, err := encode(e)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if _, err := decode(kind, again); err != nil {
			t.Fatalf("%q: %v", again, err)
		}
	})
}
