package results

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// readers is how many connections a Reader opens at most: reads within reads,
// and a few goroutines beside each other.
const readers = 4

// A Reader reads a database and cannot change it. It is safe for concurrent use.
type Reader struct {
	path   string
	slots  chan *conn // nil: to be opened
	closed chan struct{}
	once   sync.Once
	writer *writer // not nil: the file is locked for this connection alone
}

func newReader(path string) *Reader {
	r := &Reader{path: path, slots: make(chan *conn, readers), closed: make(chan struct{})}
	for range readers {
		r.slots <- nil
	}
	return r
}

// OpenRead opens the database at path for reading. It never creates one: the
// error wraps ErrNoDatabase then, and names the nearest in a directory above.
func OpenRead(ctx context.Context, path string) (*Reader, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(abs); err != nil || !st.Mode().IsRegular() {
		return nil, missing(abs)
	}
	r := newReader(abs)
	if err := r.check(ctx, path); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// check refuses what is not a database of this version.
func (r *Reader) check(ctx context.Context, path string) error {
	v := 0
	err := r.each(ctx, "pragma user_version", nil, func(row []driver.Value) error {
		v = int(asInt(row[0]))
		return nil
	})
	known := migrations()
	want := known[len(known)-1].version
	switch {
	case code(err) == sqlite3.SQLITE_NOTADB, err == nil && v == 0:
		return fmt.Errorf("%s: %w in this file", path, ErrNoDatabase)
	case err != nil:
		return fmt.Errorf("open %s: %w", path, err)
	case v > want:
		return fmt.Errorf("open %s: the database is of version %d, this trawl knows up to %d; want a newer trawl", path, v, want)
	case v < want:
		return fmt.Errorf("open %s: the database is of version %d, want %d; a command that writes, such as `trawl run`, brings it up to date", path, v, want)
	}
	return nil
}

// Path is the file's absolute path.
func (r *Reader) Path() string { return r.path }

// Close closes the connections; reads that run end first.
func (r *Reader) Close() error {
	var errs []error
	r.once.Do(func() {
		close(r.closed)
		for range readers {
			if c := <-r.slots; c != nil {
				errs = append(errs, c.close())
			}
		}
	})
	return errors.Join(errs...)
}

// dialRead opens a connection that cannot write. A file in a directory that
// cannot be written to either is read as one that nobody changes.
func dialRead(ctx context.Context, path string, params ...string) (*conn, error) {
	params = append([]string{"mode=ro", "_defensive=1", "_pragma=busy_timeout(30000)", "_pragma=query_only(1)"}, params...)
	c, err := dial(ctx, dsn(path, params...))
	if err != nil {
		return nil, err
	}
	err = c.each(ctx, "select count(*) from sqlite_master", nil, func([]driver.Value) error { return nil })
	if k := code(err); k != sqlite3.SQLITE_CANTOPEN && k != sqlite3.SQLITE_READONLY {
		return c, nil // another error comes again, from the query
	}
	if _, statErr := os.Stat(path + "-wal"); statErr == nil {
		return c, nil
	}
	c.close()
	return dial(ctx, dsn(path, append(params, "immutable=1")...))
}

// each runs a query on a free connection and calls fn for every row. fn may
// read, too.
func (r *Reader) each(ctx context.Context, q string, args []driver.Value, fn func(row []driver.Value) error) error {
	if r.writer != nil {
		return r.throughWriter(ctx, q, args, fn)
	}
	select {
	case <-r.closed: // before a connection is taken: Close waits for all of them
		return ErrClosed
	default:
	}
	var c *conn
	select {
	case c = <-r.slots:
	case <-r.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { r.slots <- c }()
	if c == nil {
		opened, err := dialRead(ctx, r.path)
		if err != nil {
			return fmt.Errorf("read %s: %w", r.path, err)
		}
		c = opened
	}
	return c.each(ctx, q, args, fn)
}

// throughWriter reads on the only connection that may, and calls fn when it is
// free again.
func (r *Reader) throughWriter(ctx context.Context, q string, args []driver.Value, fn func(row []driver.Value) error) error {
	var rows [][]driver.Value
	err := r.writer.submit(ctx, &op{kind: opRaw, fn: func(c *conn) error {
		return c.each(ctx, q, args, func(row []driver.Value) error {
			rows = append(rows, slices.Clone(row))
			return nil
		})
	}})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := fn(row); err != nil {
			return err
		}
	}
	return nil
}

// one runs a query of one row; ok is false without it.
func (r *Reader) one(ctx context.Context, q string, args []driver.Value, fn func(row []driver.Value)) (ok bool, err error) {
	err = r.each(ctx, q, args, func(row []driver.Value) error {
		if !ok {
			fn(row)
		}
		ok = true
		return nil
	})
	return ok, err
}

// A SweepRow is what is known of a sweep.
type SweepRow struct {
	ID           int64     `json:"id"`
	Name         string    `json:"name"`
	Description  string    `json:"description,omitempty"`
	Method       string    `json:"method"`
	Metric       string    `json:"metric"` // "": nothing ranks
	Goal         string    `json:"goal"`
	State        string    `json:"state"`
	Revision     int64     `json:"revision"`
	Trials       int64     `json:"trials"` // proposed so far
	Queued       int64     `json:"queued"`
	Running      int64     `json:"running"`
	Paused       int64     `json:"paused"`
	Finished     int64     `json:"finished"`
	Failed       int64     `json:"failed"`
	Pruned       int64     `json:"pruned"`
	Diverged     int64     `json:"diverged"`
	Killed       int64     `json:"killed"`
	Best         *float64  `json:"best"`          // mean of the best point; null: none ranks
	BestTrial    *int64    `json:"best_trial"`    // its first trial
	Seconds      float64   `json:"seconds"`       // from the first event to the last change
	TrialSeconds float64   `json:"trial_seconds"` // sum over attempts
	CreatedAt    time.Time `json:"created_at"`
	ChangedAt    time.Time `json:"changed_at"`
	Dir          string    `json:"directory"` // where it was started
	RunsDir      string    `json:"runs_directory"`
	Objectives   []string  `json:"objectives"` // names, in order
	RepeatParam  string    `json:"repeat_parameter,omitempty"`
	Digest       string    `json:"digest"`
	Doc          string    `json:"-"` // the sweep file as JSON
}

const sweepColumns = `select s.id, s.name, s.description, s.method, s.metric, s.goal, s.state, s.revision,
  coalesce((select max(t.id) from t_trials t where t.sweep = s.id), 0),
  (select count(*) from t_trials t indexed by t_trials_active where t.sweep = s.id and t.active = 1 and t.state = 'queued'),
  (select count(*) from t_trials t indexed by t_trials_active where t.sweep = s.id and t.active = 1 and t.state = 'running'),
  (select count(*) from t_trials t indexed by t_trials_active where t.sweep = s.id and t.active = 1 and t.state = 'paused'),
  s.finished, s.failed, s.pruned, s.diverged, s.killed, p.mean, p.trial, s.created_at, s.last_at, s.trial_time / 1e6,
  s.dir, s.runs_dir, (select group_concat(json_extract(value, '$.name'), char(10)) from json_each(s.objectives)), s.repeat_param, s.digest, s.doc
from t_sweeps s left join t_points p on p.sweep = s.id and p.id =
  (select b.id from t_points b where b.sweep = s.id and b.score is not null order by b.score, b.id limit 1) `

func sweepRow(r []driver.Value) SweepRow {
	s := SweepRow{ID: asInt(r[0]), Name: asText(r[1]), Description: asText(r[2]), Method: asText(r[3]), Metric: asText(r[4]),
		Goal: asText(r[5]), State: asText(r[6]), Revision: asInt(r[7]), Trials: asInt(r[8]), Queued: asInt(r[9]), Running: asInt(r[10]),
		Paused: asInt(r[11]), Finished: asInt(r[12]), Failed: asInt(r[13]), Pruned: asInt(r[14]), Diverged: asInt(r[15]), Killed: asInt(r[16]),
		Best: asFloatPtr(r[17]), BestTrial: asIntPtr(r[18]), CreatedAt: stamp(asInt(r[19])), ChangedAt: stamp(asInt(r[20])),
		TrialSeconds: asFloat(r[21]), Dir: asText(r[22]), RunsDir: asText(r[23]), RepeatParam: asText(r[25]), Digest: asText(r[26]), Doc: asText(r[27])}
	s.Seconds = s.ChangedAt.Sub(s.CreatedAt).Seconds()
	s.Objectives = []string{}
	if names := asText(r[24]); names != "" {
		s.Objectives = strings.Split(names, "\n")
	}
	return s
}

// Sweeps lists the sweeps in the order in which they were made.
func (r *Reader) Sweeps(ctx context.Context) ([]SweepRow, error) {
	out := []SweepRow{}
	err := r.each(ctx, sweepColumns+"order by s.id", nil, func(row []driver.Value) error {
		out = append(out, sweepRow(row))
		return nil
	})
	return out, wrap("list sweeps", err)
}

// Sweep finds a sweep by name, else by id; "" is the latest. The error wraps
// ErrNoSweep and names the nearest.
func (r *Reader) Sweep(ctx context.Context, which string) (SweepRow, error) {
	var s SweepRow
	set := func(row []driver.Value) { s = sweepRow(row) }
	var ok bool
	var err error
	if which == "" {
		ok, err = r.one(ctx, sweepColumns+"order by s.id desc limit 1", nil, set)
	} else {
		ok, err = r.one(ctx, sweepColumns+"where s.name = ?1 or s.id = case when ?1 not glob '*[^0-9]*' then cast(?1 as integer) end order by s.name <> ?1 limit 1",
			[]driver.Value{which}, set)
	}
	if err != nil || ok {
		return s, wrap("find sweep", err)
	}
	names := []string{}
	if err := r.each(ctx, "select name from t_sweeps order by id desc", nil, func(row []driver.Value) error {
		names = append(names, asText(row[0]))
		return nil
	}); err != nil {
		return s, wrap("find sweep", err)
	}
	switch {
	case len(names) == 0:
		return s, fmt.Errorf("%s: %w: the database is empty", r.path, ErrNoSweep)
	default:
		return s, fmt.Errorf("sweep %q: %w; there is %s", which, ErrNoSweep, strings.Join(nearest(which, names, 3), ", "))
	}
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// nearest returns up to n names, those with the smallest edit distance first.
func nearest(name string, names []string, n int) []string {
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
	return names[:min(n, len(names))]
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	prev, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			d := prev[j]
			if a[i] != b[j] {
				d++
			}
			row[j+1] = min(d, prev[j+1]+1, row[j]+1)
		}
		prev, row = row, prev
	}
	return prev[len(b)]
}
