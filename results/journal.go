package results

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/trawl-sweep/trawl/sweep"
)

// A number is a float in the journal. JSON has none that is not finite, so
// those are the strings "NaN", "Infinity" and "-Infinity".
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	return sweep.FloatValue(float64(n)).AppendJSON(nil), nil
}

func (n *number) UnmarshalJSON(b []byte) error {
	switch s := string(b); s {
	case `"NaN"`:
		*n = number(math.NaN())
	case `"Infinity"`:
		*n = number(math.Inf(1))
	case `"-Infinity"`:
		*n = number(math.Inf(-1))
	default:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("number %s: want a JSON number or \"NaN\", \"Infinity\", \"-Infinity\"", s)
		}
		*n = number(f)
	}
	return nil
}

// ended is sweep.Ended in the journal, with the floats that may be anything.
type ended struct {
	sweep.Ended
	Value  *number  `json:"value,omitempty"`
	Others []number `json:"others,omitempty"`
}

// encode makes the JSON of an event.
func encode(e sweep.Event) (string, error) {
	var x any = e
	if e, ok := e.(*sweep.Ended); ok {
		w := ended{Ended: *e}
		w.Exit.CPUSeconds, w.Exit.MaxRSSMB = orZero(e.Exit.CPUSeconds), orZero(e.Exit.MaxRSSMB)
		w.Exit.GPUSeconds, w.Exit.GPUMemMB = orZero(e.Exit.GPUSeconds), orZero(e.Exit.GPUMemMB)
		if e.HasObjective {
			w.Value = new(number(e.Objective))
		}
		for _, v := range e.Others {
			w.Others = append(w.Others, number(v))
		}
		x = w
	}
	b, err := json.Marshal(x)
	if err != nil {
		return "", fmt.Errorf("journal: %s of trial %d: %w", e.Kind(), e.Subject(), err)
	}
	return string(b), nil
}

// orZero replaces a measurement that is no number.
func orZero(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// decode reads what encode wrote. It answers anything else with an error,
// never with a panic.
func decode(kind, data string) (sweep.Event, error) {
	var e sweep.Event
	switch kind {
	case "ended":
		var w ended
		if err := json.Unmarshal([]byte(data), &w); err != nil {
			return nil, fmt.Errorf("journal: %s: %w", kind, err)
		}
		out := w.Ended
		if w.Value != nil {
			out.Objective = float64(*w.Value)
		}
		for _, v := range w.Others {
			out.Others = append(out.Others, float64(v))
		}
		return &out, nil
	case "spec":
		e = &sweep.SpecSet{}
	case "proposed":
		e = &sweep.Proposed{}
	case "started":
		e = &sweep.Started{}
	case "stopping":
		e = &sweep.Stopping{}
	case "requeued":
		e = &sweep.Requeued{}
	case "note":
		e = &sweep.Note{}
	default:
		return nil, fmt.Errorf("journal: event %q: want one that this trawl knows", kind)
	}
	if err := json.Unmarshal([]byte(data), e); err != nil {
		return nil, fmt.Errorf("journal: %s: %w", kind, err)
	}
	return e, nil
}

// attemptOf is the attempt that an event is about, 0 for none.
func attemptOf(e sweep.Event) int {
	switch e := e.(type) {
	case *sweep.Started:
		return e.Attempt
	case *sweep.Stopping:
		return e.Attempt
	case *sweep.Ended:
		return e.Attempt
	}
	return 0
}

// A fact is an event with its JSON, ready to be written.
type fact struct {
	sweep int64
	seq   int64 // once written
	at    int64 // Unix microseconds
	event sweep.Event
	data  string
}

// facts encodes events that happened now.
func facts(sweepID, at int64, events []sweep.Event) ([]fact, error) {
	fs := make([]fact, len(events))
	for i, e := range events {
		data, err := encode(e)
		if err != nil {
			return nil, err
		}
		fs[i] = fact{sweep: sweepID, at: at, event: e, data: data}
	}
	return fs, nil
}

var journalRows = newBulk("insert into t_journal (sweep, at, kind, trial, attempt, data) values ", 6, "")

// writeJournal writes facts and numbers them.
func writeJournal(c *conn, fs ...[]fact) error {
	var values []driver.Value
	n := 0
	for _, f := range fs {
		n += len(f)
		for _, f := range f {
			values = append(values, f.sweep, f.at, f.event.Kind(), int64(f.event.Subject()), int64(attemptOf(f.event)), f.data)
		}
	}
	last, err := journalRows.exec(c, values)
	if err != nil {
		return err
	}
	seq := last - int64(n) // one transaction writes: the numbers are consecutive
	for _, f := range fs {
		for i := range f {
			seq++
			f[i].seq = seq
		}
	}
	return nil
}
