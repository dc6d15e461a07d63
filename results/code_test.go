package results

import (
	"errors"
	"fmt"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// A trial is of the code that was told last before it started.
func TestCodeOfTrials(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	note := func(what, text string) *sweep.Note { return &sweep.Note{What: what, Text: text} }
	must(t, s.Record(t.Context(), proposed(1), started(1, 1), finished(1, 1)))
	must(t, s.Record(t.Context(), note(NoteDiff, `{"sha256": "d1", "text": "--- a\n+++ b\n"}`), note(NoteProvenance, `{"code": "abc+d1", "diff": "d1"}`)))
	must(t, s.Record(t.Context(), proposed(2), started(2, 1), finished(2, 1), proposed(3)))
	must(t, s.Record(t.Context(), note(NoteProvenance, `{"code": "def", "host": "h"}`), note(NoteProvenance, `not JSON`)))
	must(t, s.Record(t.Context(), proposed(4), started(4, 1)))
	for sha, want := range map[string]bool{"d1": true, "d2": false} {
		if got, err := s.HasDiff(t.Context(), sha); err != nil || got != want {
			t.Errorf("diff %s: got %v, %v", sha, got, err)
		}
	}
	check := func() {
		t.Helper()
		if got, want := table(t, db.Reader(), "select id, code from trials order by id"), "1|NULL\n2|abc+d1\n3|NULL\n4|def"; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		for id, want := range map[sweep.TrialID]string{1: `"" ""`, 2: `"{\"code\": \"abc+d1\", \"diff\": \"d1\"}" "--- a\n+++ b\n"`, 3: `"" ""`, 4: `"{\"code\": \"def\", \"host\": \"h\"}" ""`} {
			doc, diff, err := db.Reader().Provenance(t.Context(), "one", id)
			if got := fmt.Sprintf("%q %q", doc, diff); err != nil || got != want {
				t.Errorf("trial %d: got %s, %v; want %s", id, got, err, want)
			}
		}
	}
	check()
	must(t, db.Rebuild(t.Context(), "one"))
	check()
	wantVerified(t, db, "one")
	must(t, s.Close())
	must(t, db.Remove(t.Context(), "one"))
}

// A trial was made of the sweep file that was told last before it started.
func TestSpecOfTrials(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	spec := testSpec("one")
	set := func(doc string) {
		must(t, s.Revise(t.Context(), &sweep.SpecSet{Revision: 1, Doc: doc, Digest: spec.Digest, Dir: "/" + doc, Why: "how"}, spec))
	}
	if _, err := db.Reader().SpecOf(t.Context(), "none", 1); !errors.Is(err, ErrNoSweep) {
		t.Errorf("of no sweep: got %v", err)
	}
	set("a")
	must(t, s.Record(t.Context(), proposed(1), started(1, 1), finished(1, 1), proposed(2), started(2, 1)))
	set("b")
	must(t, s.Record(t.Context(), finished(2, 1), proposed(3), started(3, 1), proposed(4)))
	set("c")
	must(t, s.Record(t.Context(), &sweep.Requeued{Trial: 1}, started(1, 2)))
	for id, want := range map[sweep.TrialID]string{1: "c", 2: "a", 3: "b", 4: "c"} {
		if got, err := db.Reader().SpecOf(t.Context(), "one", id); err != nil || got.Doc != want || got.Dir != "/"+want {
			t.Errorf("trial %d: got %+v, %v; want %s", id, got, err, want)
		}
	}
}
