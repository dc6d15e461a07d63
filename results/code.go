package results

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trawl-sweep/trawl/sweep"
)

// The notes that say what code the trials of a run are of. Their texts are
// JSON objects: of provenance, anything with "code" and perhaps "diff", the
// SHA-256 of the uncommitted changes; of a diff, "sha256" and "text".
const (
	NoteProvenance = "provenance" // once per run of trawl, before its trials
	NoteDiff       = "diff"       // once per content
)

// code notes where the journal tells of code.
func (p *projector) code(f fact, e *sweep.Note) error {
	var text struct {
		Code   string `json:"code"`
		SHA256 string `json:"sha256"`
	}
	what := ""
	switch e.What {
	case NoteProvenance:
		what = "run"
	case NoteDiff:
		what = "diff"
	default:
		return nil
	}
	if json.Unmarshal([]byte(e.Text), &text) != nil {
		return nil // of another version of trawl: it stays in the journal
	}
	if what == "diff" {
		text.Code = text.SHA256
	}
	_, err := p.c.exec("insert or replace into t_code (sweep, what, seq, code) values (?, ?, ?, ?)", p.sweep, what, f.seq, text.Code)
	return err
}

// Provenance is what the run that last started a trial said of its code and its
// machine, as JSON; "" if nothing is known or the trial has never run. Diff is
// the text of its uncommitted changes, "" if there were none.
func (r *Reader) Provenance(ctx context.Context, which string, id sweep.TrialID) (doc, diff string, err error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return "", "", err
	}
	text := func(into *string) func([]driver.Value) { return func(row []driver.Value) { *into = asText(row[0]) } }
	_, err = r.one(ctx, `select json_extract(j.data, '$.text') from t_trials t join t_journal j on j.seq =
  (select c.seq from t_code c where c.sweep = t.sweep and c.what = 'run' and c.seq < t.start_seq order by c.seq desc limit 1)
where t.sweep = ? and t.id = ?`, []driver.Value{s.ID, int64(id)}, text(&doc))
	if err != nil || doc == "" {
		return "", "", wrap("read provenance", err)
	}
	var named struct {
		Diff string `json:"diff"`
	}
	if json.Unmarshal([]byte(doc), &named) != nil || named.Diff == "" {
		return doc, "", nil
	}
	note := ""
	_, err = r.one(ctx, `select json_extract(j.data, '$.text') from t_code c join t_journal j on j.seq = c.seq
where c.sweep = ? and c.what = 'diff' and c.code = ? limit 1`, []driver.Value{s.ID, named.Diff}, text(&note))
	var d struct {
		Text string `json:"text"`
	}
	if err == nil && note != "" {
		err = json.Unmarshal([]byte(note), &d)
	}
	return doc, d.Text, wrap("read provenance", err)
}

// SpecOf is what the sweep file was when the trial last started: what its
// command was made of. Of a trial that never ran it is the latest.
func (r *Reader) SpecOf(ctx context.Context, which string, id sweep.TrialID) (*sweep.SpecSet, error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, err
	}
	var e *sweep.SpecSet
	var bad error
	// From the start back: the journal has no index, which each event would pay for.
	found, err := r.one(ctx, `select j.data from t_journal j where j.sweep = ?1 and j.kind = 'spec' and j.seq <
  coalesce((select t.start_seq from t_trials t where t.sweep = ?1 and t.id = ?2), 9223372036854775807) order by j.seq desc limit 1`,
		[]driver.Value{s.ID, int64(id)}, func(row []driver.Value) {
			var got sweep.Event
			got, bad = decode("spec", asText(row[0]))
			e, _ = got.(*sweep.SpecSet)
		})
	switch {
	case err != nil || bad != nil:
		return nil, wrap("read the spec of a trial", errors.Join(err, bad))
	case !found:
		return nil, fmt.Errorf("sweep %s: its sweep file is not in the journal", s.Name)
	}
	return e, nil
}

// HasDiff reports whether the sweep's journal has a diff of this SHA-256.
func (s *Store) HasDiff(ctx context.Context, sha string) (found bool, err error) {
	err = s.db.w.submit(ctx, &op{kind: opRaw, fn: func(c *conn) error {
		n, err := c.int("select count(*) from t_code where sweep = ? and what = 'diff' and code = ?", s.id, sha)
		found = n > 0
		return err
	}})
	if err != nil && !errors.Is(err, ErrClosed) {
		err = fmt.Errorf("look for a diff: %w", err)
	}
	return found, err
}
