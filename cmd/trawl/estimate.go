package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// An estimate is what can be said of the time and the disk that the rest of a
// sweep takes. Before a trial of the sweep has ended the time is not known.
type estimate struct {
	Ended int64  `json:"ended"` // trials of this sweep that have ended
	Left  *int64 `json:"left"`  // null: no end, or not known

	TrialSeconds *float64 `json:"trial_seconds"` // median of the trials that ended last; null: none has
	Seconds      *float64 `json:"seconds"`       // for those that are left
	MostSeconds  *float64 `json:"most_seconds"`  // what timeout and budget.wall leave; null: no bound

	TrialBytes int64  `json:"trial_bytes"` // mean of the trials that ended last, else the least that one takes
	Measured   bool   `json:"measured"`    // TrialBytes is a mean
	Bytes      *int64 `json:"bytes"`       // for those that are left
	LogLimit   int64  `json:"log_limit"`   // output kept per attempt
	FreeBytes  int64  `json:"free_bytes"`  // -1: not known
	MinFree    int64  `json:"min_free"`    // nothing starts below it

	sampled int   // trials that TrialSeconds was taken from
	outside int64 // of Ended, those of points that the space left out
}

const (
	// leastTrialDisk is what a trial that does nothing leaves: two directories,
	// its values, and its output, a block of 4 KiB each.
	leastTrialDisk = 16 << 10
	sampledTrials  = 200 // trials whose time is looked at, the latest
	sampledDirs    = 20  // and whose directories are measured
)

// estimate computes the estimate of a plan with n trials at a time.
func (a *app) estimate(ctx context.Context, spec *sweep.Spec, total *int64, n int) (*estimate, error) {
	e := &estimate{TrialBytes: leastTrialDisk, LogLimit: spec.LogLimit, MinFree: spec.MinFree, FreeBytes: -1}
	if err := a.measure(ctx, spec, e); err != nil {
		return nil, err
	}
	if total != nil {
		ended := e.Ended
		if spec.RunCap == 0 {
			ended -= e.outside
		}
		left := max(0, *total-ended)
		e.Left, e.Bytes = &left, new(times(e.TrialBytes, left))
		rounds := float64((left + int64(n) - 1) / int64(n))
		if e.TrialSeconds != nil {
			e.Seconds = new(*e.TrialSeconds * float64(left) / float64(min(int64(n), max(1, left))))
		}
		if spec.Timeout > 0 {
			attempts := float64(1 + spec.Retries.Max)
			e.MostSeconds = new(rounds * attempts * (spec.Timeout + spec.Stop.Grace).Seconds())
		}
	}
	if wall := spec.Budget.Wall; wall > 0 && (e.MostSeconds == nil || wall.Seconds() < *e.MostSeconds) {
		e.MostSeconds = new(wall.Seconds())
	}
	dir, err := filepath.Abs(filepath.Dir(a.databasePath()))
	if err == nil {
		if free, err := freeDisk(dir); err == nil {
			e.FreeBytes = free
		}
	}
	return e, nil
}

func times(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// measure looks at the trials of the sweep that have ended, if there are any.
func (a *app) measure(ctx context.Context, spec *sweep.Spec, e *estimate) error {
	name := spec.Name
	r, err := results.OpenRead(ctx, a.databasePath())
	if errors.Is(err, results.ErrNoDatabase) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	sweeps, err := r.Sweeps(ctx) // a name that is all new is no error here
	if err != nil {
		return err
	}
	i := slices.IndexFunc(sweeps, func(s results.SweepRow) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	row := sweeps[i]
	e.Ended = row.Finished + row.Failed + row.Pruned + row.Diverged + row.Killed
	if e.outside, err = r.Outside(ctx, name); err != nil {
		return err
	}
	trials, err := r.Trials(ctx, name, results.Filter{Last: true, Limit: sampledTrials,
		States: []sweep.State{sweep.Finished, sweep.Pruned, sweep.Diverged, sweep.Failed}})
	if err != nil {
		return err
	}
	var took []float64
	for _, t := range trials {
		if t.Attempts > 0 {
			took = append(took, t.Seconds)
			if spec.Trainer != nil && t.CPUSeconds > 0 {
				took[len(took)-1] = t.CPUSeconds // its share, where trials were trained together
			}
		}
	}
	if len(took) == 0 {
		return nil
	}
	slices.Sort(took)
	e.TrialSeconds, e.sampled = new((took[(len(took)-1)/2]+took[len(took)/2])/2), len(took)
	var sum, dirs int64
	for _, t := range trials[:min(len(trials), sampledDirs)] {
		if b, err := diskUsed(filepath.Join(row.RunsDir, fmt.Sprint(t.ID))); err == nil {
			sum, dirs = sum+b, dirs+1
		}
	}
	if dirs > 0 {
		e.TrialBytes, e.Measured = sum/dirs, true
	}
	return nil
}

// diskUsed is what the files below dir take on the disk, dir included. A link
// counts as itself.
func diskUsed(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			if os.IsNotExist(err) {
				return nil // deleted meanwhile
			}
			return err
		}
		sum += st.Blocks * 512
		return nil
	})
	return sum, err
}

// print says the estimate in two lines, and a third where the disk is short.
func (e *estimate) print(w io.Writer, n int) {
	fmt.Fprintf(w, "time        %s\n", e.time(n))
	what := "at least %s a trial"
	if e.Measured {
		what = "about %s a trial"
	}
	line := fmt.Sprintf(what, bytesText(e.TrialBytes))
	if e.Bytes != nil {
		line += fmt.Sprintf(", %s for %d", bytesText(*e.Bytes), *e.Left)
	}
	line += fmt.Sprintf("; output is cut at log_limit %s", bytesText(e.LogLimit))
	if e.FreeBytes >= 0 {
		line += fmt.Sprintf("; %s free", bytesText(e.FreeBytes))
	}
	fmt.Fprintf(w, "disk        %s\n", line)
	switch {
	case e.FreeBytes < 0:
	case e.FreeBytes < e.MinFree:
		fmt.Fprintf(w, "            nothing starts below min_free %s\n", bytesText(e.MinFree))
	case e.Bytes != nil && *e.Bytes > e.FreeBytes-e.MinFree:
		fmt.Fprintf(w, "            that does not fit: nothing starts below min_free %s\n", bytesText(e.MinFree))
	}
}

func (e *estimate) time(n int) string {
	most := ""
	if e.MostSeconds != nil {
		most = fmt.Sprintf(", at most %s", seconds(*e.MostSeconds))
	}
	switch {
	case e.Left != nil && *e.Left == 0:
		return fmt.Sprintf("none: all %d trials have ended", e.Ended)
	case e.TrialSeconds == nil:
		return "unknown until a trial has ended" + most
	case e.Seconds == nil:
		return fmt.Sprintf("%s a trial, the median of %d that ended%s", seconds(*e.TrialSeconds), e.sampled, most)
	}
	about := *e.Seconds
	if e.MostSeconds != nil {
		about = min(about, *e.MostSeconds)
	}
	return fmt.Sprintf("about %s%s: %d left, %s each (the median of %d that ended), %d at a time", seconds(about), most,
		*e.Left, seconds(*e.TrialSeconds), e.sampled, n)
}

// bytesText prints a size for people.
func bytesText(n int64) string {
	switch {
	case n < 1<<20:
		return fmt.Sprintf("%.0f KiB", math.Ceil(float64(n)/(1<<10)))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n < 1<<40:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f TiB", float64(n)/(1<<40))
}
