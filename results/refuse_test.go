package results

import (
	"errors"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// What cannot have happened is refused as a whole: nothing of its transaction is
// in the journal or in a table, and the store goes on.
func TestImpossibleEventsAreRefused(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	must(t, s.Record(t.Context(), proposed(2), started(2, 1)))
	before := publicRows(t, db.Reader())
	for _, tt := range []struct {
		name   string
		events []sweep.Event
		want   string
	}{
		{"start of no trial", []sweep.Event{started(9, 1)}, "trial 9: " + ErrNoTrial.Error()},
		{"end of no trial", []sweep.Event{proposed(3), finished(9, 1)}, "trial 9: " + ErrNoTrial.Error()},
		{"stop of no trial", []sweep.Event{&sweep.Stopping{Trial: 9}}, "trial 9: "},
		{"retry of no trial", []sweep.Event{&sweep.Requeued{Trial: 9}}, "trial 9: "},
		{"proposed twice at once", []sweep.Event{proposed(3), proposed(3)}, "trial 3: proposed twice"},
		{"proposed again while it runs", []sweep.Event{proposed(2)}, "UNIQUE constraint failed: t_trials"},
		{"values that are no JSON", []sweep.Event{&sweep.Proposed{Trial: 3, PointID: 3, Params: "{", Planned: 1}, started(3, 1), finished(3, 1)}, "params"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := s.Record(t.Context(), tt.events...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want … %s …", err, tt.want)
			}
			if after := publicRows(t, db.Reader()); after != before {
				t.Errorf("it left something behind:\n%s\nbefore\n%s", after, before)
			}
		})
	}
	must(t, s.Record(t.Context(), proposed(3), started(3, 1)))
	wantVerified(t, db, "one")
	if _, err := s.Mark(t.Context(), 9); !errors.Is(err, ErrNoTrial) {
		t.Errorf("mark of no trial: %v", err)
	}
	if mark, err := s.Mark(t.Context(), 1); mark != "m1" || err != nil {
		t.Errorf("mark: got %q, %v; want m1", mark, err)
	}
}

// A post that cannot be written ends its store with an Ack that says why, in
// turn after those before it, and no other store.
func TestImpossiblePostEndsItsStoreAlone(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	other := claim(t, db, testSpec("two"))
	must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
	must(t, other.Record(t.Context(), proposed(1), started(1, 1)))
	s.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: []sweep.Report{loss(1, 1)}})
	if a := <-s.Acks(); a.Err != nil {
		t.Fatal(a.Err)
	}
	s.Post(sweep.Post{Trial: 9, Attempt: 1, Reports: []sweep.Report{loss(1, 1)}})
	if a := <-s.Acks(); !errors.Is(a.Err, ErrNoTrial) || a.Post.Trial != 9 {
		t.Fatalf("got %+v, want an error of trial 9", a)
	}
	if err := s.Record(t.Context(), proposed(2)); !errors.Is(err, ErrNoTrial) {
		t.Errorf("after it: got %v, want the same error", err)
	}
	must(t, other.Record(t.Context(), proposed(2)))
	other.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: []sweep.Report{loss(1, 1)}})
	must(t, other.Flush(t.Context()))
	if got := table(t, db.Reader(), "select sweep, count(*) from metrics group by 1 order by 1"); got != "one|1\ntwo|1" {
		t.Errorf("got %s", got)
	}
}

// A database of another version is refused with what to do: one of a later trawl
// by readers and writers, one of an earlier trawl by readers, who change nothing.
func TestVersionsAreRefusedByName(t *testing.T) {
	last := migrations()[len(migrations())-1].version
	for _, tt := range []struct {
		version     int
		read, write string
	}{
		{last + 1, "want a newer trawl", "want a newer trawl"},
		{last - 1, "a command that writes, such as `trawl run`, brings it up to date", "-"},
		{0, ErrNoDatabase.Error(), "-"},
	} {
		db, s := newStore(t, testSpec("one"))
		path := db.Path()
		must(t, s.Close())
		must(t, db.Close())
		c, err := dial(t.Context(), dsn(path))
		must(t, err)
		must(t, c.text("pragma user_version = "+strings.TrimSpace(string(rune('0'+tt.version)))))
		must(t, c.close())
		if _, err := OpenRead(t.Context(), path); err == nil || !strings.Contains(err.Error(), tt.read) {
			t.Errorf("version %d read: got %v, want … %s", tt.version, err, tt.read)
		}
		if tt.write == "-" {
			continue
		}
		if _, err := Open(t.Context(), path, Options{Now: clock()}); err == nil || !strings.Contains(err.Error(), tt.write) {
			t.Errorf("version %d written: got %v, want … %s", tt.version, err, tt.write)
		}
	}
}

// Who has another name for the same rows to SQL is told so.
func TestNamesThatSQLTakesForOne(t *testing.T) {
	db, _ := newStore(t, testSpec("one"))
	if _, err := db.Claim(t.Context(), testSpec("One"), t.TempDir()); err == nil || !strings.Contains(err.Error(), `there is a sweep "one", which is the same name to SQL`) {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"", "12", "t_x", "SQLite_x", "Trials", "x/ALL", "x/points", "a\x00b"} {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), "want one") {
			t.Errorf("%q: got %v, want what would be right", name, err)
		}
	}
	for _, name := range []string{"a", "12b", "mnist/clip", "x'y", `a"b`, "tables"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
