package results

import (
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// Every sweep has a wide table with one typed column per parameter and per
// metric and a row for each trial that ended, and three views on it. The limits keep a view below the 2,000
// columns that SQLite allows.
const (
	maxMetricColumns = 1000
	maxParamColumns  = 900
)

// fixedColumns are those of the views of a sweep; a parameter or metric of
// that name is qualified.
var fixedColumns = []string{"trial", "state", "rank", "objective", "class", "reason", "n", "planned", "mean", "std", "low", "high", "tie"}

// A column is a parameter or a metric.
type column struct {
	id   int64
	kind string // param, metric
	name string
	col  string // "": it has no column
	typ  string
}

type columns struct {
	sweep   int64
	params  []*column
	metrics map[string]*column
	ids     map[int64]*column
	taken   map[string]bool // columns, in lower case
	wide    int             // metrics with a column
	stale   bool            // the views lack a column
	values  []driver.Value

	into     string // the last insert, and its metrics
	intoCols []*column
}

func wideTable(sweepID int64) string { return fmt.Sprintf("t_wide_%d", sweepID) }

func loadColumns(c *conn, sweepID int64) (*columns, error) {
	cs := &columns{sweep: sweepID, metrics: map[string]*column{}, ids: map[int64]*column{}, taken: map[string]bool{}}
	for _, f := range fixedColumns {
		cs.taken[f] = true
	}
	err := c.each(ctxBackground, "select id, kind, name, col, type from t_columns where sweep = ? order by id",
		[]driver.Value{sweepID}, func(r []driver.Value) error {
			col := &column{id: asInt(r[0]), kind: asText(r[1]), name: asText(r[2]), col: asText(r[3]), typ: asText(r[4])}
			cs.add(col)
			return nil
		})
	return cs, err
}

func (cs *columns) add(col *column) {
	cs.ids[col.id] = col
	if col.col != "" {
		cs.taken[strings.ToLower(col.col)] = true
	}
	if col.kind == "metric" {
		cs.metrics[col.name] = col
		if col.col != "" {
			cs.wide++
		}
		return
	}
	cs.params = append(cs.params, col)
	cs.into = ""
}

func (cs *columns) byID(id int64) *column { return cs.ids[id] }

// free finds a name for a column that is not taken: NAME, KIND.NAME, and then
// with a number.
func (cs *columns) free(kind, name string) string {
	if name == "" || strings.ContainsRune(name, 0) {
		return ""
	}
	col := name
	for i := 1; cs.taken[strings.ToLower(col)]; i++ {
		col = kind + "." + name
		if i > 1 {
			col = fmt.Sprintf("%s.%s_%d", kind, name, i)
		}
	}
	return col
}

// create adds columns to t_columns and, unless there are too many, to the wide
// table.
func (cs *columns) create(c *conn, added []*column, most, have int) error {
	var names []string
	var old []*column
	for _, col := range cs.ids {
		if col.col != "" {
			old = append(old, col)
		}
	}
	for _, col := range added {
		var name driver.Value
		if have < most {
			if col.col = cs.free(col.kind, col.name); col.col != "" {
				have++
				name = col.col
				names = append(names, quote(col.col)+" "+col.typ)
			}
		}
		res, err := c.exec("insert into t_columns (sweep, kind, name, path, col, type) values (?, ?, ?, ?, ?, ?)",
			cs.sweep, col.kind, col.name, jsonPath(col), name, col.typ)
		if err != nil {
			return err
		}
		if col.id, err = res.LastInsertId(); err != nil {
			return err
		}
		cs.add(col)
	}
	if len(names) == 0 {
		return nil
	}
	cs.stale = true
	return cs.widen(c, old, names)
}

// manyColumns is how many columns are added one by one: each makes SQLite read
// the whole schema again, which for a thousand takes seconds.
const manyColumns = 10

// widen adds columns to the wide table, or for many makes it anew.
func (cs *columns) widen(c *conn, old []*column, added []string) error {
	table := wideTable(cs.sweep)
	if len(added) <= manyColumns {
		for _, col := range added {
			if err := c.text("alter table " + table + " add column " + col); err != nil {
				return err
			}
		}
		return nil
	}
	slices.SortFunc(old, func(a, b *column) int { return cmp.Compare(a.id, b.id) })
	names, types := []string{"trial"}, []string{"trial integer primary key"}
	for _, col := range old {
		names, types = append(names, quote(col.col)), append(types, quote(col.col)+" "+col.typ)
	}
	had := strings.Join(names, ", ")
	return c.text("create temp table wide_rows as select * from main." + table + "; drop table main." + table + ";\n" +
		"create table main." + table + " (" + strings.Join(append(types, added...), ", ") + ");\n" +
		"insert into main." + table + " (" + had + ") select " + had + " from wide_rows; drop table wide_rows;")
}

// seen makes columns for the metrics that were not reported before.
func (cs *columns) seen(c *conn, reports []sweep.Report) error {
	var added []*column
	fresh := map[string]bool{}
	for _, r := range reports {
		if cs.metrics[r.Name] == nil && !fresh[r.Name] {
			fresh[r.Name] = true
			added = append(added, &column{kind: "metric", name: r.Name, typ: "real"})
		}
	}
	if added == nil {
		return nil
	}
	return cs.create(c, added, maxMetricColumns, cs.wide)
}

// extend adds columns for the parameters that the spec has and the table lacks.
func (cs *columns) extend(c *conn, spec *sweep.Spec) error {
	have := map[string]bool{}
	for _, p := range cs.params {
		have[p.name] = true
	}
	added := paramColumns(spec)
	added = slices.DeleteFunc(added, func(p *column) bool { return have[p.name] })
	return cs.create(c, added, maxParamColumns, len(cs.params))
}

// paramColumns are the parameters of a spec as columns; the repeat parameter
// is one of them.
func paramColumns(spec *sweep.Spec) []*column {
	var cols []*column
	repeat := spec.Repeats.Parameter
	if spec.Space != nil {
		for _, p := range spec.Space.Params {
			if p.Name == repeat {
				repeat = ""
			}
			cols = append(cols, &column{kind: "param", name: p.Name, typ: columnType(p)})
		}
	}
	if repeat != "" {
		cols = append(cols, &column{kind: "param", name: repeat, typ: "integer"})
		sort.SliceStable(cols, func(i, j int) bool { return cols[i].name < cols[j].name })
	}
	return cols
}

// columnType is the SQL type of a parameter; "" takes any value as it is.
func columnType(p sweep.Param) string {
	d := p.Domain
	switch {
	case p.Derived != nil:
		return ""
	case d.Ints || d.Dist == sweep.IntUniform:
		return "integer"
	case d.Dist != sweep.Constant && d.Dist != sweep.Categorical && d.Dist != sweep.CategoricalWeighted:
		return "real"
	}
	typ := ""
	for _, v := range d.Values {
		var t string
		switch v.Kind() {
		case sweep.Null, sweep.Absent:
			continue
		case sweep.Bool:
			t = "boolean"
		case sweep.Int:
			t = "integer"
		case sweep.Float:
			t = "real"
		default:
			t = "text"
		}
		switch {
		case typ == "" || typ == t:
			typ = t
		case typ == "integer" && t == "real" || typ == "real" && t == "integer":
			typ = "real"
		default:
			return ""
		}
	}
	return typ
}

// jsonPath is SQLite's path of a parameter in t_trials.params, whose keys are
// flat names. A path cannot hold a quote: such a name is found by no path.
func jsonPath(col *column) string {
	if col.kind != "param" {
		return ""
	}
	return `$."` + strings.ReplaceAll(col.name, `"`, "") + `"`
}

// A cell is a metric's value in a wide row.
type cell struct {
	col   *column
	value float64
}

// insert writes the wide row of a trial that ended.
func (cs *columns) insert(c *conn, trial sweep.TrialID, params string, metrics []cell) error {
	slices.SortFunc(metrics, func(a, b cell) int { return cmp.Compare(a.col.id, b.col.id) })
	var doc map[string]any
	d := json.NewDecoder(strings.NewReader(params))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("trial %d: params: %w", trial, err)
	}
	cs.values = append(cs.values[:0], int64(trial))
	for _, p := range cs.params {
		if p.col != "" {
			cs.values = append(cs.values, bindable(doc[p.name]))
		}
	}
	same := cs.into != "" && len(cs.intoCols) == len(metrics)
	for i, m := range metrics {
		same = same && cs.intoCols[i] == m.col
		cs.values = append(cs.values, m.value)
	}
	if !same {
		cs.setInto(metrics)
	}
	_, err := c.exec(cs.into, cs.values...)
	return err
}

// setInto makes the statement for trials with these metrics, which mostly are
// those of the trial before.
func (cs *columns) setInto(metrics []cell) {
	names := []string{"trial"}
	for _, p := range cs.params {
		if p.col != "" {
			names = append(names, quote(p.col))
		}
	}
	cs.intoCols = cs.intoCols[:0]
	for _, m := range metrics {
		names, cs.intoCols = append(names, quote(m.col.col)), append(cs.intoCols, m.col)
	}
	cs.into = "insert or replace into " + wideTable(cs.sweep) + " (" + strings.Join(names, ", ") + ") values (?" + strings.Repeat(", ?", len(names)-1) + ")"
}

// remove takes the wide row of a trial that runs again.
func (cs *columns) remove(c *conn, trial sweep.TrialID) error {
	_, err := c.exec("delete from "+wideTable(cs.sweep)+" where trial = ?", int64(trial))
	return err
}

// bindable makes a value of JSON one of SQL; lists and maps are JSON text.
func bindable(v any) driver.Value {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case json.Number:
		n, ok := sweep.ParseNumber(v.String())
		if !ok {
			return v.String()
		}
		if i, ok := n.Int64(); ok {
			return i
		}
		f, _ := n.Number()
		return f
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return string(b)
}

// createSweepViews makes the three views of a sweep anew: "NAME", "NAME/all"
// and "NAME/points".
func createSweepViews(ctx context.Context, c *conn, id int64) error {
	row, ok, err := c.row("select name, goal, repeat_param, revision from t_sweeps where id = ?", id)
	if err != nil || !ok {
		return orErr(err, ErrNoSweep)
	}
	cs, err := loadColumns(c, id)
	if err != nil {
		return err
	}
	es, err := extensions(ctx, c, id, asInt(row[3]))
	if err != nil {
		return err
	}
	earlier := formerly(es)
	name, sign := asText(row[0]), ""
	if parseGoal(asText(row[1])) == sweep.Maximize {
		sign = "-"
	}
	var all, names, active, points strings.Builder
	for _, p := range cs.params {
		if p.col != "" {
			value, current := "w."+quote(p.col), "json_extract(t.params, "+literal(jsonPath(p))+")"
			if w, ok := earlier[p.name]; ok {
				value, current = w.column(id, value, "w.trial"), w.column(id, current, "t.id")
			}
			value += " as " + quote(p.col)
			all.WriteString(", " + value)
			names.WriteString(", a." + quote(p.col) + " as " + quote(p.col))
			active.WriteString(", " + current)
			if p.name != asText(row[2]) {
				points.WriteString(", " + value)
			}
		}
	}
	metrics := make([]*column, 0, len(cs.metrics))
	for _, m := range cs.metrics {
		if m.col != "" {
			metrics = append(metrics, m)
		}
	}
	sort.Slice(metrics, func(i, j int) bool { return metrics[i].id < metrics[j].id })
	for _, m := range metrics {
		all.WriteString(", w." + quote(m.col))
		names.WriteString(", a." + quote(m.col) + " as " + quote(m.col))
		active.WriteString(", null")
	}
	fill := strings.NewReplacer("{id}", fmt.Sprint(id), "{name}", quote(name), "{all}", quote(name+"/all"), "{points}", quote(name+"/points"),
		"{wide}", wideTable(id), "{sign}", sign, "{cols}", all.String(), "{names}", names.String(), "{active}", active.String(), "{params}", points.String(),
		"{ranked}", rankedSQL(fmt.Sprintf("sweep = %d and", id)))
	return c.text(fill.Replace(sweepViews))
}

// The limit keeps SQLite from pushing the condition of a query into the choice of
// those that are active: one that is never true would take the index from it.
const sweepViews = `drop view if exists {name};
drop view if exists {all};
drop view if exists {points};
create view {name} as
select w.trial as trial, t.state as state, r.rank as rank, t.objective as objective{cols}
from {wide} w join t_trials t on t.sweep = {id} and t.id = w.trial
left join (select id, row_number() over (order by score, id) as rank from t_points where sweep = {id} and score is not null) r on r.id = t.point
where t.state = 'finished';
create view {all} as
select a.trial as trial, a.state as state,
  coalesce(r.rank, (select count(*) from t_points where sweep = {id} and score is not null) +
    row_number() over (partition by r.rank is null order by a.state <> 'finished', a.objective is null, {sign}a.objective, a.trial)) as rank,
  a.objective as objective, nullif(a.class, '') as class, nullif(a.reason, '') as reason{names}
from (select w.trial, t.state, t.objective, t.class, t.reason, t.point{cols}
  from {wide} w join t_trials t on t.sweep = {id} and t.id = w.trial
  union all
  select t.id, t.state, t.objective, t.class, t.reason, t.point{active}
  from (select * from t_trials indexed by t_trials_active where sweep = {id} and active = 1 limit -1) t) a
left join (select id, row_number() over (order by score, id) as rank from t_points where sweep = {id} and score is not null) r on r.id = a.point;
create view {points} as
select p.rank as rank, p.n as n, p.planned as planned, p.mean as mean, p.std as std, p.low as low, p.high as high, p.tie as tie{params}
from (select sweep, id, trial, n, planned, mean, std, low, high, rank, tie from ({ranked})
  union all
  select sweep, id, trial, n, planned, mean, std, low, high, null, null from t_points where sweep = {id} and score is null) p
left join {wide} w on w.trial = p.trial;
`
