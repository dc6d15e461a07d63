package export

import (
	"encoding/csv"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// made are rows of a test.
type made struct {
	rows [][]any
	i    int
}

func (m *made) Next() bool    { m.i++; return m.i <= len(m.rows) }
func (m *made) Values() []any { return m.rows[m.i-1] }
func (m *made) Err() error    { return nil }

func rows() *made {
	return &made{rows: [][]any{
		{int64(1), 1.0, "a,\"b\"\nc", nil, true},
		{int64(-2), 1e-5, "=cmd()", "-3", false},
		{int64(3), 64.5, "<é>", []byte{1, 2}, nil},
	}}
}

var columns = []string{"trial", "lr", "opt x", "reason", "nesterov"}

func TestCSV(t *testing.T) {
	var b strings.Builder
	if err := CSV(&b, columns, rows()); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	want := "trial,lr,opt x,reason,nesterov\n1,1.0,\"a,\"\"b\"\"\nc\",,true\n-2,1e-05,'=cmd(),'-3,false\n3,64.5,<é>,AQI=,\n"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if records, err := csv.NewReader(strings.NewReader(got)).ReadAll(); err != nil || len(records) != 4 {
		t.Errorf("read back: %v, %v", records, err)
	}
	b.Reset()
	if err := CSV(&b, []string{"x"}, &made{rows: [][]any{{nil}, {"y"}}}); err != nil || b.String() != "x\n\"\"\ny\n" {
		t.Errorf("one empty column: %q, %v", b.String(), err)
	}
}

func TestJSONL(t *testing.T) {
	var b strings.Builder
	if err := JSONL(&b, columns, rows()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 3 || lines[0] != `{"trial":1,"lr":1.0,"opt x":"a,\"b\"\nc","reason":null,"nesterov":true}` {
		t.Errorf("got %s", b.String())
	}
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			t.Errorf("not JSON: %s", l)
		}
	}
}

func TestTrialsOfASweep(t *testing.T) {
	dir := t.TempDir()
	db, err := results.Open(t.Context(), filepath.Join(dir, "trawl.db"), results.Options{Create: true, Now: func() time.Time { return time.Unix(1, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	spec := &sweep.Spec{Name: `a"b`, Objectives: []sweep.Objective{{Name: "loss"}}, Space: &sweep.Space{Params: []sweep.Param{{Name: "lr"}}}}
	s, err := db.Claim(t.Context(), spec, filepath.Join(dir, "runs"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for id := sweep.TrialID(1); id <= 3; id++ {
		p := &sweep.Proposed{Trial: id, PointID: sweep.PointID(id), Params: `{"lr":0.5}`, Planned: 1}
		if err := s.Record(t.Context(), p, &sweep.Started{Trial: id, Attempt: 1}); err != nil {
			t.Fatal(err)
		}
		if id == 3 {
			continue
		}
		s.Post(sweep.Post{Trial: id, Attempt: 1, Reports: []sweep.Report{{Name: "loss", Value: float64(id)}},
			Events: []sweep.Event{&sweep.Ended{Trial: id, Attempt: 1, State: sweep.Finished, HasObjective: true, Objective: float64(id)}}})
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	export := func(where string) string {
		cols, rows, done, err := Trials(t.Context(), db.Reader(), "", where)
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		var b strings.Builder
		if err := CSV(&b, cols, rows); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	const head = "trial,state,rank,objective,class,reason,lr,loss\n"
	if got, want := export(""), head+"1,finished,1,1.0,,,0.5,1.0\n2,finished,2,2.0,,,0.5,2.0\n3,running,3,,,,0.5,\n"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, want := export("loss > 1 -- x"), head+"2,finished,2,2.0,,,0.5,2.0\n"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if _, _, _, err := Trials(t.Context(), db.Reader(), "", "1) or (1"); err == nil {
		t.Error("a where that is no expression was taken")
	}
	dst := filepath.Join(dir, "out.db")
	if err := SQLite(t.Context(), db.Reader(), dst); err != nil {
		t.Fatal(err)
	}
	if r, err := results.OpenRead(t.Context(), dst); err != nil {
		t.Error(err)
	} else if err := r.Close(); err != nil {
		t.Error(err)
	}
}
