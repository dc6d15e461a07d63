package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

type rankOptions struct {
	top    int
	by     string
	over   string
	pareto bool
}

func newRankCmd(a *app) *cobra.Command {
	var o rankOptions
	cmd := &cobra.Command{
		Use:   "rank [SWEEP]",
		Short: "Rank the points of a sweep, with intervals over repeats and ties marked",
		Long: `Rank lists the best points of SWEEP (default: the latest). With repeats it shows
mean, 95 % Student t interval and n; = marks a point that Welch's test does not
tell from the best (p > 0.05). Points that do not rank follow, marked.

Exit status: 0 · 1 error · 2 usage.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.top < 1 {
				return usagef("--top %d: want at least 1", o.top)
			}
			r, err := a.read(cmd.Context())
			if err != nil {
				return err
			}
			defer r.Close()
			if o.over != "" {
				return a.rankOver(cmd.Context(), r, arg(args, 0), o)
			}
			return a.printRank(cmd.Context(), r, arg(args, 0), o)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.top, "top", "n", 10, "show the best `count` points")
	f.StringVar(&o.by, "by", "", "rank by this `metric` instead of the objective; max:NAME for more is better")
	f.StringVar(&o.over, "over", "", "one line per value of this `parameter`: its best and mean")
	f.BoolVar(&o.pareto, "pareto", false, "only the first Pareto front")
	a.listFlags(cmd)
	f.Lookup("format").Usage = "`format`: table, csv, json, md or latex"
	return cmd
}

// leaderboard reads the ranking that o asks for.
func leaderboard(ctx context.Context, r *results.Reader, name string, o rankOptions) ([]results.RankRow, error) {
	var opts []results.RankOption
	by := o.by
	if rest, ok := strings.CutPrefix(by, "max:"); ok {
		by, opts = rest, append(opts, results.Goal(sweep.Maximize))
	} else if rest, ok := strings.CutPrefix(by, "min:"); ok {
		by, opts = rest, append(opts, results.Goal(sweep.Minimize))
	}
	rows, err := r.Leaderboard(ctx, name, o.top, by, opts...)
	if err != nil || !o.pareto {
		return rows, err
	}
	front := rows[:0]
	for _, x := range rows {
		if x.Front == 1 {
			front = append(front, x)
		}
	}
	return front, nil
}

func (a *app) printRank(ctx context.Context, r *results.Reader, name string, o rankOptions) error {
	row, err := r.Sweep(ctx, name)
	if err != nil {
		return err
	}
	if o.pareto && len(row.Objectives) < 2 {
		return usagef("--pareto: sweep %s has not several objectives (metrics:), so it has no fronts", row.Name)
	}
	rows, err := leaderboard(ctx, r, row.Name, o)
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []results.RankRow{}
	}
	if len(rows) == 0 && !a.json {
		fmt.Fprintf(a.stderr, "sweep %s: no trial has ended yet\n", row.Name)
	}
	if row.Metric == "" && o.by == "" && !a.json {
		fmt.Fprintf(a.stderr, "sweep %s has no metric, so nothing ranks; rank it by one: --by NAME\n", row.Name)
	}
	if o.by != "" && o.by != row.Metric && !strings.Contains(o.by, ":") && !slices.Contains(row.Objectives, o.by) {
		better, other := "less", "max"
		if row.Goal == string(sweep.Maximize) {
			better, other = "more", "min"
		}
		fmt.Fprintf(a.stderr, "trawl: ranked as if %s %s were better; else --by %s:%s\n", better, o.by, other, o.by)
	}
	t, err := rankTable(row, rows, o, a.digits())
	if err != nil {
		return err
	}
	if a.format == "latex" && !a.json {
		return latex(a.stdout, t)
	}
	return a.printTable(t)
}

// rankTable lays a ranking out: only parameters that differ get a column.
func rankTable(row results.SweepRow, rows []results.RankRow, o rankOptions, d digits) (table, error) {
	spec, err := specOf(row)
	if err != nil {
		return table{}, err
	}
	metric := row.Metric
	if o.by != "" {
		metric = strings.TrimPrefix(strings.TrimPrefix(o.by, "max:"), "min:")
	}
	repeats := spec.Repeats.N() > 1
	t := table{head: []string{"rank", "trial", orWord(metric, "metric")}, data: rows}
	for _, other := range spec.Objectives[min(1, len(spec.Objectives)):] {
		t.head = append(t.head, other.Name)
	}
	switch {
	case repeats && bool(d):
		t.head = append(t.head, "low", "high", "n", "tie")
	case repeats:
		t.head = append(t.head, "95% interval", "n", "tie")
	}
	var cols []int
	for i, p := range spec.Space.Params {
		if p.Domain.Dist != sweep.Constant {
			cols = append(cols, i)
			t.head = append(t.head, p.Name)
		}
	}
	noted := false
	for _, x := range rows {
		noted = noted || x.Note != ""
	}
	noted = noted && metric != "" // nothing ranks, which was said
	if noted {
		t.head = append(t.head, "note")
	}
	for _, x := range rows {
		t.add(rankCells(spec, x, cols, repeats, noted, d)...)
	}
	return t, nil
}

func rankCells(spec *sweep.Spec, x results.RankRow, cols []int, repeats, noted bool, d digits) []string {
	rank := "-"
	if x.Rank > 0 {
		rank = fmt.Sprint(x.Rank)
	}
	cells := []string{rank, fmt.Sprint(x.Trial), d.maybe(x.Mean)}
	for i := 1; i < len(spec.Objectives); i++ {
		v := ""
		if i-1 < len(x.Others) {
			v = d.number(float64(x.Others[i-1]))
		}
		cells = append(cells, v)
	}
	if repeats {
		interval, tie := "", ""
		if x.Low.Valid && x.High.Valid {
			interval = fmt.Sprintf("%.5g … %.5g", x.Low.V, x.High.V)
		}
		if x.Tie != nil && *x.Tie {
			tie = "="
		}
		if d {
			cells = append(cells, d.maybe(x.Low))
			interval = d.maybe(x.High)
		}
		cells = append(cells, interval, fmt.Sprintf("%d/%d", x.N, x.Planned), tie)
	}
	pt, err := spec.Space.ParseJSON(x.Params)
	for _, i := range cols {
		v := ""
		if err == nil && !pt[i].IsAbsent() {
			v = d.value(pt[i])
		}
		cells = append(cells, v)
	}
	if noted {
		cells = append(cells, x.Note)
	}
	return cells
}

func orWord(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// maybe prints a value that may be missing.
func (d digits) maybe(f results.Float) string {
	if !f.Valid {
		return ""
	}
	return d.number(f.V)
}

// floatText is maybe for people.
func floatText(f results.Float) string { return digits(false).maybe(f) }

// latex prints t as a tabular environment.
func latex(w io.Writer, t table) error {
	escape := strings.NewReplacer(`\`, `\textbackslash{}`, "_", `\_`, "%", `\%`, "&", `\&`, "#", `\#`, "$", `\$`, "{", `\{`, "}", `\}`, "…", `\ldots{}`)
	line := func(cells []string) {
		q := make([]string, len(cells))
		for i, c := range cells {
			q[i] = escape.Replace(plain(c))
		}
		fmt.Fprintf(w, "%s \\\\\n", strings.Join(q, " & "))
	}
	fmt.Fprintf(w, "\\begin{tabular}{%s}\n\\hline\n", strings.Repeat("r", len(t.head)))
	line(t.head)
	fmt.Fprintln(w, `\hline`)
	for _, r := range t.rows {
		line(r)
	}
	_, err := fmt.Fprintln(w, "\\hline\n\\end{tabular}")
	return err
}

// overRow is a value of a parameter with how its points did.
type overRow struct {
	Value string        `json:"value"`
	N     int           `json:"points"`
	Best  float64       `json:"best"`
	Mean  float64       `json:"mean"`
	Trial sweep.TrialID `json:"trial"`

	text string // the value as the listing prints it
}

// rankOver prints one line per value of a parameter, best first.
func (a *app) rankOver(ctx context.Context, r *results.Reader, name string, o rankOptions) error {
	o.top = 1 << 30
	rows, err := leaderboard(ctx, r, name, o)
	if err != nil {
		return err
	}
	d := a.digits()
	byValue := map[string]*overRow{}
	list := []*overRow{}
	found := false
	for _, x := range rows {
		var m map[string]sweep.Value
		if err := json.Unmarshal(x.Params, &m); err != nil {
			return err
		}
		v, ok := m[o.over]
		found = found || ok
		if x.Rank == 0 {
			continue
		}
		key := string(v.AppendJSON(nil)) // whole: values may begin alike
		if !ok {
			key = ""
		}
		g := byValue[key]
		if g == nil { // rows come best first
			g = &overRow{Value: v.Python(), text: d.value(v), Best: x.Mean.V, Trial: x.Trial}
			byValue[key] = g
			list = append(list, g)
		}
		g.N++
		g.Mean += (x.Mean.V - g.Mean) / float64(g.N)
	}
	if !found && len(rows) > 0 {
		return usagef("--over %s: no such parameter", o.over)
	}
	t := table{head: []string{o.over, "points", "best", "mean", "trial"}, data: list}
	for _, g := range list {
		t.add(g.text, fmt.Sprint(g.N), d.number(g.Best), d.number(g.Mean), fmt.Sprint(g.Trial))
	}
	return a.printTable(t)
}
