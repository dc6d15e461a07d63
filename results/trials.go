package results

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Float is a number that may be missing or not finite; in JSON it is a
// number, null, or "NaN", "Infinity", "-Infinity".
type Float struct {
	V     float64
	Valid bool
}

// MarshalJSON prints f.
func (f Float) MarshalJSON() ([]byte, error) {
	if !f.Valid {
		return []byte("null"), nil
	}
	return number(f.V).MarshalJSON()
}

// A TrialRow is what is known of a trial.
type TrialRow struct {
	Sweep      string             `json:"sweep"`
	ID         sweep.TrialID      `json:"id"`
	Point      sweep.PointID      `json:"point"`
	Repeat     int                `json:"repeat"`
	Seed       int64              `json:"seed"`
	Revision   int                `json:"revision"`
	Proposal   int64              `json:"proposal"` // -1: given by the user
	Params     json.RawMessage    `json:"params"`
	State      sweep.State        `json:"state"`
	Class      sweep.Class        `json:"class,omitempty"`
	Reason     string             `json:"reason,omitempty"`
	Objective  Float              `json:"objective"`
	Step       *int64             `json:"step"` // that the objective was taken from
	Others     []float64          `json:"-"`    // the further objectives
	Attempts   int                `json:"attempts"`
	ExitCode   *int64             `json:"exit_code"`
	Signal     *int64             `json:"signal"`
	Seconds    float64            `json:"seconds"` // ended attempts
	CPUSeconds float64            `json:"cpu_seconds"`
	MaxRSSMB   float64            `json:"max_rss_mb"`
	GPUSeconds *float64           `json:"gpu_seconds"` // null: it had no GPU
	GPUMemMB   *float64           `json:"gpu_mem_mb"`  // null: not known
	StartedAt  *time.Time         `json:"started_at"`  // first attempt
	BegunAt    *time.Time         `json:"begun_at"`    // latest attempt
	EndedAt    *time.Time         `json:"ended_at"`
	Dir        string             `json:"directory"`
	Metrics    map[string]float64 `json:"-"` // last values, where asked for
	Steps      map[string]int64   `json:"-"` // and their steps
}

// A Filter selects trials. Its zero value selects all.
type Filter struct {
	States  []sweep.State
	Classes []sweep.Class
	// Where is an SQL expression over the view "NAME/all"; it can read and
	// nothing else.
	Where string
	// Limit is the number of trials at most; 0: no limit.
	Limit int
	// Last turns the order: the latest trials first.
	Last bool
	// After leaves out trials up to this one.
	After sweep.TrialID
}

const trialColumns = `select t.id, t.point, t.repeat, t.seed, t.revision, t.proposal, t.params, t.state, t.class, t.reason,
  t.objective, t.kind, t.step, t.others, t.attempts, t.exit_code, t.exit_signal, t.seconds, t.cpu_seconds, t.max_rss_mb,
  t.started_at, t.ended_at, t.dir, t.begun_at, t.gpu_seconds, t.gpu_mem_mb
from t_history t `

func trialRow(name string, r []driver.Value) (TrialRow, error) {
	t := TrialRow{Sweep: name, ID: sweep.TrialID(asInt(r[0])), Point: sweep.PointID(asInt(r[1])), Repeat: int(asInt(r[2])),
		Seed: asInt(r[3]), Revision: int(asInt(r[4])), Proposal: asInt(r[5]), Params: json.RawMessage(asText(r[6])),
		State: sweep.State(asText(r[7])), Class: sweep.Class(asText(r[8])), Reason: asText(r[9]),
		Objective: Float{unkind(r[10], r[11]), r[11] != nil}, Step: asIntPtr(r[12]), Attempts: int(asInt(r[14])),
		ExitCode: asIntPtr(r[15]), Signal: asIntPtr(r[16]), Seconds: asFloat(r[17]), CPUSeconds: asFloat(r[18]), MaxRSSMB: asFloat(r[19]),
		StartedAt: stampPtr(r[20]), EndedAt: stampPtr(r[21]), Dir: asText(r[22]), BegunAt: stampPtr(r[23]),
		GPUSeconds: asFloatPtr(r[24]), GPUMemMB: asFloatPtr(r[25])}
	var err error
	t.Others, err = parseNumbers(asText(r[13]))
	return t, err
}

func stampPtr(v driver.Value) *time.Time {
	if v == nil {
		return nil
	}
	return new(stamp(asInt(v)))
}

// Trials lists trials in their order. The sweep is named as in Sweep.
func (r *Reader) Trials(ctx context.Context, which string, f Filter) ([]TrialRow, error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, err
	}
	q, args, err := r.filter(ctx, s, f)
	if err != nil {
		return nil, err
	}
	out := []TrialRow{}
	err = r.each(ctx, trialColumns+q, args, func(row []driver.Value) error {
		t, err := trialRow(s.Name, row)
		out = append(out, t)
		return err
	})
	return out, wrap("list trials of "+s.Name, err)
}

// filter makes the rest of a statement on t_trials t. Where was checked to be
// one expression and is run beforehand, under the guard of Query.
func (r *Reader) filter(ctx context.Context, s SweepRow, f Filter) (string, []driver.Value, error) {
	var q strings.Builder
	q.WriteString("where t.sweep = ? and t.id > ?")
	args := []driver.Value{s.ID, int64(f.After)}
	list := func(col string, n int, at func(int) string) {
		if n == 0 {
			return
		}
		q.WriteString(" and " + col + " in (?" + strings.Repeat(", ?", n-1) + ")")
		for i := range n {
			args = append(args, at(i))
		}
	}
	list("t.state", len(f.States), func(i int) string { return string(f.States[i]) })
	list("t.class", len(f.Classes), func(i int) string { return string(f.Classes[i]) })
	if f.Where != "" {
		ids, err := r.matching(ctx, s.Name, f.Where)
		if err != nil {
			return "", nil, err
		}
		q.WriteString(" and t.id in (select value from json_each(?))")
		args = append(args, ids)
	}
	q.WriteString(" order by t.id")
	if f.Last {
		q.WriteString(" desc")
	}
	if f.Limit > 0 {
		fmt.Fprintf(&q, " limit %d", f.Limit)
	}
	return q.String(), args, nil
}

// AllRows is the query of all rows of the view "NAME/all" for which where
// holds, by trial; "" selects all.
func AllRows(name, where string) (string, error) {
	q := "select * from " + quote(name+"/all")
	if where != "" {
		if err := oneExpression(where); err != nil {
			return "", err
		}
		q += " where (\n" + where + "\n)"
	}
	return q + " order by trial", nil
}

// matching returns the trials for which where holds, as a JSON list.
func (r *Reader) matching(ctx context.Context, name, where string) (string, error) {
	if err := oneExpression(where); err != nil {
		return "", err
	}
	rows, err := r.Query(ctx, "select trial from "+quote(name+"/all")+" where (\n"+where+"\n)")
	if err != nil {
		return "", fmt.Errorf("where %q: %w; want an SQL condition on the columns of \"%s/all\", such as 'lr > 1'", where, err, name)
	}
	defer rows.Close()
	ids := []int64{}
	for rows.Next() {
		ids = append(ids, asInt(rows.Row()[0]))
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	b, err := json.Marshal(ids)
	return string(b), err
}

// Trial returns one trial with the last values of its metrics. The error wraps
// ErrNoTrial if there is none.
func (r *Reader) Trial(ctx context.Context, which string, id sweep.TrialID) (TrialRow, error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return TrialRow{}, err
	}
	var t TrialRow
	var bad error
	ok, err := r.one(ctx, trialColumns+"where t.sweep = ? and t.id = ?", []driver.Value{s.ID, int64(id)}, func(row []driver.Value) {
		t, bad = trialRow(s.Name, row)
	})
	switch {
	case err != nil || bad != nil:
		return t, wrap("read trial", orErr(err, bad))
	case !ok:
		return t, fmt.Errorf("trial %s/%d: %w; there are %d", s.Name, id, ErrNoTrial, s.Trials)
	}
	return t, r.lastMetrics(ctx, s.ID, &t)
}

// Running lists the trials that run, with the last values of their metrics.
func (r *Reader) Running(ctx context.Context, which string) ([]TrialRow, error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, err
	}
	out := []TrialRow{}
	err = r.each(ctx, trialColumns+`where t.sweep = ?1 and t.id in
(select a.id from t_trials a indexed by t_trials_active where a.sweep = ?1 and a.active = 1 and a.state = 'running') order by t.id`, []driver.Value{s.ID}, func(row []driver.Value) error {
		t, err := trialRow(s.Name, row)
		out = append(out, t)
		return err
	})
	for i := range out {
		if err == nil {
			err = r.lastMetrics(ctx, s.ID, &out[i])
		}
	}
	return out, wrap("list running trials", err)
}

func (r *Reader) lastMetrics(ctx context.Context, sweepID int64, t *TrialRow) error {
	t.Metrics, t.Steps = map[string]float64{}, map[string]int64{}
	return wrap("read metrics", r.each(ctx, `select c.name, m.last, m.last_kind, m.last_step from t_series m join t_columns c on c.id = m.name
where m.sweep = ? and m.trial = ?`, []driver.Value{sweepID, int64(t.ID)}, func(row []driver.Value) error {
		t.Metrics[asText(row[0])], t.Steps[asText(row[0])] = unkind(row[1], row[2]), asInt(row[3])
		return nil
	}))
}

// A SeriesRow sums up a metric of a trial.
type SeriesRow struct {
	Name     string `json:"name"`
	N        int64  `json:"n"` // steps
	Last     Float  `json:"last"`
	LastStep int64  `json:"last_step"`
	Min      Float  `json:"min"` // of the finite values
	MinStep  *int64 `json:"min_step"`
	Max      Float  `json:"max"`
	MaxStep  *int64 `json:"max_step"`
}

// Metrics sums up the metrics of a trial, by name.
func (r *Reader) Metrics(ctx context.Context, which string, id sweep.TrialID) ([]SeriesRow, error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, err
	}
	out := []SeriesRow{}
	err = r.each(ctx, `select c.name, m.n, m.last, m.last_kind, m.last_step, m.min, m.min_step, m.max, m.max_step
from t_series m join t_columns c on c.id = m.name where m.sweep = ? and m.trial = ? order by c.name`, []driver.Value{s.ID, int64(id)}, func(row []driver.Value) error {
		out = append(out, SeriesRow{Name: asText(row[0]), N: asInt(row[1]), Last: Float{unkind(row[2], row[3]), true}, LastStep: asInt(row[4]),
			Min: Float{asFloat(row[5]), row[5] != nil}, MinStep: asIntPtr(row[6]), Max: Float{asFloat(row[7]), row[7] != nil}, MaxStep: asIntPtr(row[8])})
		return nil
	})
	return out, wrap("read metrics", err)
}

// MetricSeries returns the reports of a metric that count, by step: those of a
// later attempt replace earlier ones from its first step on.
func (r *Reader) MetricSeries(ctx context.Context, which string, id sweep.TrialID, name string) ([]AttemptReport, error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, err
	}
	var col int64
	if _, err := r.one(ctx, "select id from t_columns where sweep = ? and kind = 'metric' and name = ?", []driver.Value{s.ID, name}, func(row []driver.Value) {
		col = asInt(row[0])
	}); err != nil {
		return nil, wrap("read metric", err)
	}
	out := []AttemptReport{}
	err = effective(ctx, r, s.ID, int64(id), col, 0, func(p point) error {
		out = append(out, AttemptReport{p.attempt, sweep.Report{Name: name, Step: p.step, Value: p.value, At: p.at}})
		return nil
	})
	return out, wrap("read metric", err)
}

// EachSeries calls fn for every metric of every trial of a sweep, by trial and
// in the order in which the metrics were first seen, with the reports that
// count, by step. The slice is valid during the call.
func (r *Reader) EachSeries(ctx context.Context, which string, fn func(trial sweep.TrialID, name string, reports []AttemptReport) error) error {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return err
	}
	var trial sweep.TrialID
	var col int64
	var name string
	var held []AttemptReport
	give := func() error {
		if len(held) == 0 {
			return nil
		}
		return fn(trial, name, effectiveOf(held))
	}
	err = r.each(ctx, `select m.trial, m.name, c.name, m.step, m.attempt, m.value, m.kind, m.at from t_metrics m join t_columns c on c.id = m.name
where m.sweep = ? order by m.trial, m.name, m.step, m.attempt`, []driver.Value{s.ID}, func(row []driver.Value) error {
		if t, n := sweep.TrialID(asInt(row[0])), asInt(row[1]); t != trial || n != col {
			if err := give(); err != nil {
				return err
			}
			trial, col, name, held = t, n, asText(row[2]), held[:0]
		}
		held = append(held, AttemptReport{int(asInt(row[4])), sweep.Report{Name: name, Step: asInt(row[3]), Value: unkind(row[5], row[6]), At: asInt(row[7])}})
		return nil
	})
	if err == nil {
		err = give()
	}
	return wrap("read metrics", err)
}

// effectiveOf keeps, in place, the reports of one metric that count. They come
// by step and attempt: a report counts unless a later attempt had reported at
// its step or before.
func effectiveOf(reports []AttemptReport) []AttemptReport {
	first := map[int]int64{} // attempt → its first step
	for _, r := range reports {
		if _, ok := first[r.Attempt]; !ok {
			first[r.Attempt] = r.Step
		}
	}
	if len(first) < 2 {
		return reports
	}
	kept := reports[:0]
	for _, r := range reports {
		counts := true
		for attempt, step := range first {
			counts = counts && (attempt <= r.Attempt || step > r.Step)
		}
		if counts {
			kept = append(kept, r)
		}
	}
	return kept
}

// An AttemptRow is one process run of a trial.
type AttemptRow struct {
	Trial      sweep.TrialID `json:"trial"`
	Attempt    int           `json:"attempt"`
	State      string        `json:"state"` // running, or the trial's after it
	Class      sweep.Class   `json:"class,omitempty"`
	Requeue    sweep.Requeue `json:"requeue,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	Host       string        `json:"host"`
	Token      string        `json:"token"`
	Boot       string        `json:"boot"`
	Dir        string        `json:"directory"`
	Argv       string        `json:"argv,omitempty"`
	Slot       int           `json:"slot"`
	StartedAt  *time.Time    `json:"started_at"`
	EndedAt    *time.Time    `json:"ended_at"`
	ExitCode   *int64        `json:"exit_code"`
	Signal     *int64        `json:"signal"`
	Cause      string        `json:"cause,omitempty"`
	Message    string        `json:"message,omitempty"`
	CPUSeconds float64       `json:"cpu_seconds"`
	MaxRSSMB   float64       `json:"max_rss_mb"`
	GPUSeconds float64       `json:"gpu_seconds"`
	GPUMemMB   float64       `json:"gpu_mem_mb"` // 0: not known
	GPUs       []string      `json:"gpus"`
	GPUShare   float64       `json:"gpu_share"`
}

// Attempts lists the attempts of a trial, of all trials if id is 0.
func (r *Reader) Attempts(ctx context.Context, which string, id sweep.TrialID) ([]AttemptRow, error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, err
	}
	q, args := "", []driver.Value{s.ID}
	if id != 0 {
		q, args = " and trial = ?", append(args, int64(id))
	}
	out := []AttemptRow{}
	err = r.each(ctx, `select trial, attempt, state, class, requeue, reason, host, token, boot, dir, argv, slot, started_at, ended_at,
  exit_code, exit_signal, cause, message, cpu_seconds, max_rss_mb, gpu_seconds, gpu_mem_mb, gpus, gpu_share from t_runs where sweep = ?`+q+" order by trial, attempt", args, func(r []driver.Value) error {
		out = append(out, AttemptRow{sweep.TrialID(asInt(r[0])), int(asInt(r[1])), asText(r[2]), sweep.Class(asText(r[3])), sweep.Requeue(asText(r[4])),
			asText(r[5]), asText(r[6]), asText(r[7]), asText(r[8]), asText(r[9]), asText(r[10]), int(asInt(r[11])), stampPtr(r[12]), stampPtr(r[13]),
			asIntPtr(r[14]), asIntPtr(r[15]), asText(r[16]), asText(r[17]), asFloat(r[18]), asFloat(r[19]), asFloat(r[20]), asFloat(r[21]), nil, asFloat(r[23])})
		if list := asText(r[22]); list != "" {
			return json.Unmarshal([]byte(list), &out[len(out)-1].GPUs)
		}
		return nil
	})
	return out, wrap("list attempts", err)
}

// Events returns the journal of a sweep in order, of one trial if id is not 0.
func (r *Reader) Events(ctx context.Context, which string, id sweep.TrialID) ([]sweep.Entry, error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, err
	}
	out := []sweep.Entry{}
	collect := func(e sweep.Entry) error {
		out = append(out, e)
		return nil
	}
	if id == 0 {
		err := entries(ctx, r, s.ID, collect)
		return out, wrap("read events", err)
	}
	// A trial's events lie between two numbers of its row, so that the journal
	// needs no index, which each event would pay for.
	err = r.each(ctx, `select j.seq, j.at, j.kind, j.data from t_trials t join t_journal j on j.seq between t.first_seq and t.last_seq
where t.sweep = ?1 and t.id = ?2 and j.sweep = ?1 and j.trial = ?2 order by j.seq`, []driver.Value{s.ID, int64(id)}, func(row []driver.Value) error {
		e, err := decode(asText(row[2]), asText(row[3]))
		if err != nil {
			return fmt.Errorf("event %d: %w", asInt(row[0]), err)
		}
		return collect(sweep.Entry{Seq: asInt(row[0]), At: asInt(row[1]), Event: e})
	})
	return out, wrap("read events", err)
}
