package main

import (
	"cmp"
	"fmt"
	"io"
	"math"

	"github.com/trawl-sweep/trawl/runner/sim"
	"github.com/trawl-sweep/trawl/sweep"
)

// say prints what was simulated against what.
func (s *simulation) say(w io.Writer) {
	t, o := s.rec.table, s.variants[0].spec.Objectives[0]
	runs := 0
	for _, r := range t.Rows {
		runs += len(r.Runs)
	}
	fmt.Fprintf(w, "%s: %d configurations, %d runs; %s, %s, %s of its reports: best %.6g, median %.6g\n", t.Name, len(t.Rows), runs,
		o.Name, o.Goal, cmp.Or(string(o.Reduce), "last"), t.Best(), t.Median())
	for _, v := range s.variants {
		if v.own && !t.Grid() && len(t.Columns) > 1 && v.method != "recorded" {
			fmt.Fprintln(w, "no full grid: a point is a row as a whole, and methods that look at results see no order among the rows")
			break
		}
	}
	if s.rec.note != "" {
		fmt.Fprintln(w, s.rec.note)
	}
}

// A spread is quartiles as JSON prints them; null is a number that is not
// finite.
type spread struct {
	Median *float64 `json:"median"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
}

func (q spread) String() string {
	if q.Median == nil {
		return ""
	}
	text := fmt.Sprintf("%.5g", *q.Median)
	if q.Low != nil && q.High != nil && *q.Low < *q.High {
		text += fmt.Sprintf(" [%.4g … %.4g]", *q.Low, *q.High)
	}
	return text
}

// simulatedRow is a variant as JSON prints it.
type simulatedRow struct {
	Method string `json:"method"`
	Early  string `json:"early"`
	Seeds  int    `json:"seeds"`
	Jobs   int    `json:"parallel"`
	stood
	Pruned spread `json:"pruned"`
	// Share is the part of the steps that the same method takes without ending
	// trials early: null where that was not simulated.
	Share *float64 `json:"share_of_steps"`
	At    []stood  `json:"at,omitempty"`
}

// stood is where a variant stood.
type stood struct {
	Trials  spread `json:"trials"`
	Steps   spread `json:"steps"`
	Seconds spread `json:"seconds"`
	Best    spread `json:"best"`
	Regret  spread `json:"regret"`
	Chosen  spread `json:"regret_of_best"`
}

// over computes the spread of f over the seeds of v.
func (v *variant) over(less bool, f func(*sim.Result) float64) spread {
	xs := make([]float64, len(v.runs))
	for i, r := range v.runs {
		xs[i] = f(r)
	}
	q := sim.QuartilesOf(xs, less)
	return spread{finiteOrNil(q.Median), finiteOrNil(q.Low), finiteOrNil(q.High)}
}

func finiteOrNil(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// after is where v stood after n trials.
func (v *variant) after(n int) stood {
	at := func(less bool, f func(sim.Progress) float64) spread {
		return v.over(less, func(r *sim.Result) float64 { return f(r.After(n)) })
	}
	return stood{
		Trials:  at(true, func(p sim.Progress) float64 { return float64(p.Trials) }),
		Steps:   at(true, func(p sim.Progress) float64 { return float64(p.Steps) }),
		Seconds: at(true, func(p sim.Progress) float64 { return p.Seconds }),
		Best:    at(v.spec.Objectives[0].Goal == sweep.Minimize, func(p sim.Progress) float64 { return p.Best }),
		Regret:  at(true, func(p sim.Progress) float64 { return p.Regret }),
		Chosen:  at(true, func(p sim.Progress) float64 { return p.Chosen }),
	}
}

// listing lays the variants out side by side.
func (s *simulation) listing() table {
	t := table{head: []string{"method", "early", "trials", "pruned", "steps", "seconds", "best", "regret"}}
	for _, n := range s.o.at {
		t.head = append(t.head, fmt.Sprintf("regret@%d", n))
	}
	rows := []simulatedRow{}
	for _, v := range s.variants {
		row := simulatedRow{Method: v.method, Early: v.early, Seeds: s.o.seeds, Jobs: cmp.Or(s.o.jobs, v.spec.Parallel, 1), stood: v.after(math.MaxInt),
			Pruned: v.over(true, func(r *sim.Result) float64 { return float64(r.Count(sweep.Pruned) + r.Count(sweep.Diverged)) })}
		steps := row.Steps.String()
		if whole := s.unpruned(v); whole != nil && v.early != "none" {
			if row.Share = finiteOrNil(*row.Steps.Median / *whole); row.Share != nil {
				steps += fmt.Sprintf(" (%.0f %%)", 100**row.Share)
			}
		}
		cells := []string{v.method, v.early, row.Trials.String(), row.Pruned.String(), steps, row.Seconds.String(), row.Best.String(), row.Regret.String()}
		for _, n := range s.o.at {
			x := v.after(n)
			row.At = append(row.At, x)
			cells = append(cells, x.Regret.String())
		}
		t.add(cells...)
		rows = append(rows, row)
	}
	t.data = rows
	return t
}

// unpruned is the median number of steps of v's method where no trial is ended
// early; nil if that was not simulated.
func (s *simulation) unpruned(v *variant) *float64 {
	for _, w := range s.variants {
		if w.method == v.method && w.early == "none" {
			return w.after(math.MaxInt).Steps.Median
		}
	}
	return nil
}
