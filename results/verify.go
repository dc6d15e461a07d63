package results

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// errUndo ends a transaction that is not to be kept.
var errUndo = errors.New("undo")

// Remove deletes a sweep: its rows, its wide table and its views. The caller
// should own it.
func (db *DB) Remove(ctx context.Context, name string) error {
	return wrap("remove "+name, db.do(ctx, func(c *conn) error {
		id, err := c.int("select id from t_sweeps where name = ?", name)
		if err != nil {
			return err
		}
		if id == 0 {
			return ErrNoSweep
		}
		var q strings.Builder
		for _, v := range []string{name, name + "/all", name + "/points"} {
			q.WriteString("drop view if exists " + quote(v) + ";\n")
		}
		q.WriteString("drop table if exists " + wideTable(id) + ";\n")
		for _, t := range []string{"t_requests", "t_series", "t_metrics", "t_columns", "t_attempts", "t_points", "t_trials", "t_code", "t_journal"} {
			fmt.Fprintf(&q, "delete from %s where sweep = %d;\n", t, id)
		}
		fmt.Fprintf(&q, "delete from t_sweeps where id = %d;\n", id)
		return c.text(q.String())
	}))
}

// projected are the tables that follow from the journal and the metrics, with
// the condition for the rows of a sweep.
func projected(id int64) [][2]string {
	own := fmt.Sprintf("where sweep = %d", id)
	return [][2]string{
		{"t_trials", own}, {"t_points", own}, {"t_attempts", own}, {"t_series", own}, {"t_code", own},
		{wideTable(id), ""}, {"t_sweeps", fmt.Sprintf("where id = %d", id)},
	}
}

// Rebuild makes the tables of a sweep anew from its journal and its metrics,
// in one transaction. Nothing changes if they were right.
func (db *DB) Rebuild(ctx context.Context, name string) error {
	return wrap("rebuild "+name, db.do(ctx, func(c *conn) error {
		_, err := rebuild(ctx, c, name)
		return err
	}))
}

// Verify compares the tables of a sweep with what its journal and its metrics
// say, and returns the differences, at most a few per table. It changes
// nothing, but holds the write lock meanwhile.
func (db *DB) Verify(ctx context.Context, name string) (differences []string, err error) {
	err = db.do(ctx, func(c *conn) error {
		id, err := c.int("select id from t_sweeps where name = ?", name)
		if err != nil {
			return err
		}
		if id == 0 {
			return ErrNoSweep
		}
		if err := settleFronts(c, id); err != nil {
			return err
		}
		for _, t := range projected(id) {
			if err := c.text("create temp table before_" + t[0] + " as select * from main." + t[0] + " " + t[1]); err != nil {
				return err
			}
		}
		if _, err := rebuild(ctx, c, name); err != nil {
			return err
		}
		for _, t := range projected(id) {
			ds, err := compare(ctx, c, t[0], t[1])
			if err != nil {
				return err
			}
			differences = append(differences, ds...)
		}
		return errUndo // the temporary tables go, too
	})
	if errors.Is(err, errUndo) {
		err = nil
	}
	return differences, wrap("verify "+name, err)
}

// settleFronts brings the fronts up to date, which lag behind between flushes.
func settleFronts(c *conn, id int64) error {
	p, err := newProjector(c, id)
	if err != nil {
		return err
	}
	p.fronts.now = true
	return p.flush()
}

// compare lists up to five rows of a table that were there before, or are now.
func compare(ctx context.Context, c *conn, table, where string) ([]string, error) {
	now, before := "select * from main."+table+" "+where, "select * from before_"+table
	var out []string
	for _, d := range [][2]string{{"stored", before + " except " + now}, {"journal", now + " except " + before}} {
		err := c.each(ctx, "select * from ("+d[1]+") limit 5", nil, func(row []driver.Value) error {
			out = append(out, fmt.Sprintf("%s: %s has %v", table, d[0], row))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rebuild replays the journal within the transaction. Where an output had been
// read to is in no event, so those marks are kept; so are the metrics.
func rebuild(ctx context.Context, c *conn, name string) (int64, error) {
	id, err := c.int("select id from t_sweeps where name = ?", name)
	if err != nil {
		return 0, err
	}
	if id == 0 {
		return 0, ErrNoSweep
	}
	err = c.text(fmt.Sprintf(`create temp table marks as select id, mark from main.t_trials where sweep = %d and mark <> '';
delete from main.t_trials where sweep = %[1]d;
delete from main.t_points where sweep = %[1]d;
delete from main.t_attempts where sweep = %[1]d;
delete from main.t_series where sweep = %[1]d;
delete from main.t_code where sweep = %[1]d;
delete from main.%[2]s;
update main.t_sweeps set finished = 0, failed = 0, pruned = 0, diverged = 0, killed = 0, trial_time = 0, state = 'new', last_at = created_at where id = %[1]d;`,
		id, wideTable(id)))
	if err != nil {
		return 0, err
	}
	p, err := newProjector(c, id)
	if err != nil {
		return 0, err
	}
	p.outside = nil // as it was at first; the journal says when that changed
	if err := p.rebuildSeries(ctx); err != nil {
		return 0, err
	}
	if err := p.replay(ctx); err != nil {
		return 0, err
	}
	return id, c.text(fmt.Sprintf(`update main.t_trials set mark = (select m.mark from marks m where m.id = t_trials.id)
where sweep = %d and id in (select id from marks);
drop table marks;`, id))
}

// rebuildSeries computes t_series from the points.
func (p *projector) rebuildSeries(ctx context.Context) error {
	type key struct {
		trial sweep.TrialID
		name  int64
	}
	var last key
	for {
		var k key
		found := false
		row, ok, err := p.c.row("select trial, name from t_metrics where sweep = ?1 and (trial, name) > (?2, ?3) order by trial, name limit 1",
			p.sweep, int64(last.trial), last.name)
		if err != nil {
			return err
		}
		if ok {
			k, found = key{sweep.TrialID(asInt(row[0])), asInt(row[1])}, true
		}
		if !found {
			return nil
		}
		last = k
		if err := ctx.Err(); err != nil {
			return err
		}
		s := newSeries(p.cols.byID(k.name))
		l := &live{id: k.trial, series: map[int64]*series{k.name: s}}
		if err := p.recompute(l, s); err != nil {
			return err
		}
		if _, err := seriesRows.exec(p.c, l.appendSeries(nil, p.sweep)); err != nil {
			return err
		}
	}
}

// replayed is how many facts are held in memory at a time.
const replayed = 1000

func (p *projector) replay(ctx context.Context) error {
	last := int64(0)
	for {
		var fs []fact
		err := p.c.each(ctx, "select seq, at, kind, data from t_journal where sweep = ? and seq > ? order by seq limit ?",
			[]driver.Value{p.sweep, last, int64(replayed)}, func(r []driver.Value) error {
				e, err := decode(asText(r[2]), asText(r[3]))
				if err != nil {
					return fmt.Errorf("event %d: %w", asInt(r[0]), err)
				}
				fs = append(fs, fact{sweep: p.sweep, seq: asInt(r[0]), at: asInt(r[1]), event: e})
				return nil
			})
		if err != nil {
			return err
		}
		if len(fs) == 0 {
			p.fronts.now = true
			return p.flush()
		}
		last = fs[len(fs)-1].seq
		for _, f := range fs {
			if err := p.apply(f); err != nil {
				return fmt.Errorf("event %d: %w", f.seq, err)
			}
			if l := p.live[f.event.Subject()]; l != nil && l.proposed != nil {
				l.known = false // its series are in the table already
			}
		}
		if err := p.flush(); err != nil {
			return err
		}
	}
}

// ExportSQLite writes the whole database to dst: one consistent file, without a
// WAL, that opens anywhere. dst must not exist.
func (r *Reader) ExportSQLite(ctx context.Context, dst string) error {
	if _, err := os.Stat(dst); err == nil {
		return fmt.Errorf("export to %s: %w", dst, os.ErrExist)
	}
	if r.writer != nil {
		return wrap("export to "+dst, r.writer.submit(ctx, &op{kind: opRaw, fn: func(c *conn) error { return c.text("vacuum into " + literal(dst)) }}))
	}
	c, err := dial(ctx, dsn(r.path, "mode=ro", "_pragma=busy_timeout(30000)"))
	if err != nil {
		return wrap("export", err)
	}
	err = c.text("vacuum into " + literal(dst))
	return wrap("export to "+dst, errors.Join(err, c.close()))
}

// ExportSQLite is Reader.ExportSQLite.
func (db *DB) ExportSQLite(ctx context.Context, dst string) error {
	return db.reader.ExportSQLite(ctx, dst)
}
