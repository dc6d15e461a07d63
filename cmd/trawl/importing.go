package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/results/export"
	"github.com/trawl-sweep/trawl/sweep"
)

// How the journal tells of an import: the first event is a spec for the reason
// whyImport; then come the trials, each proposed with a note that begins with
// importedNote and ended at attempt 0; noteImported says that all are there.
const (
	whyImport    = "import"
	noteImported = "imported"
	importedNote = "imported: "
	importedWait = ", which waited there" // ends the note of a trial that is still to be run
	importedFrom = export.ImportedFrom    // begins the description of a sweep without a file
)

// The trials of one transaction of an import, and their reports.
const (
	importTrials  = 500
	importReports = 20_000
)

// recordStudy writes a study into the journal of a new sweep, and returns how
// many of the trials that waited are queued. goesOn says that the sweep is to go on by itself: then what
// the trials took is not counted against its budget.
//
//	spec (import) → per trial: proposed, ended at attempt 0 → note: imported
//
// A kill leaves a journal without the note, by which the next import of that
// name knows that this one is to be done again.
func (a *app) recordStudy(ctx context.Context, db *results.DB, st *export.Study, spec *sweep.Spec, goesOn bool) (queued int, err error) {
	runs, err := runsDir(a.databasePath(), spec.Name)
	if err != nil {
		return 0, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	store, err := db.Claim(ctx, spec, runs)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	if err := ignoreRuns(filepath.Dir(runs)); err != nil {
		return 0, err
	}
	if err := store.Revise(ctx, &sweep.SpecSet{Revision: 1, Doc: spec.Doc, Digest: spec.Digest, Dir: dir, Version: version, Why: whyImport}, spec); err != nil {
		return 0, err
	}
	if queued, err = recordTrials(ctx, store, st, spec, goesOn); err != nil {
		return 0, err
	}
	state := "finished"
	if goesOn {
		state = "stopped" // trawl run goes on
	}
	store.Post(sweep.Post{Events: []sweep.Event{&sweep.Note{What: noteImported, Text: fmt.Sprintf("%d trials of %s", len(st.Trials), st.Source), State: state}}})
	return queued, store.Flush(ctx)
}

// recordTrials writes the trials, some hundred in a transaction, so that the
// memory that it takes does not grow with their number.
func recordTrials(ctx context.Context, store *results.Store, st *export.Study, spec *sweep.Spec, goesOn bool) (queued int, err error) {
	points := map[string]sweep.PointID{}
	var posts []sweep.Post
	reports := 0
	for i := range st.Trials {
		post := importPost(st, spec, &st.Trials[i], sweep.TrialID(i+1), points, goesOn)
		posts = append(posts, post)
		reports += len(post.Reports)
		if len(posts) < importTrials && reports < importReports && i+1 < len(st.Trials) {
			continue
		}
		if err := store.RecordPosts(ctx, nil, posts); err != nil {
			return 0, err
		}
		posts, reports = posts[:0], 0
	}
	return queueWaiting(ctx, store, st, spec, points)
}

// queueWaiting queues the trials that waited, of points that no trial had. Their
// parameters are complete: fitStudy has drawn what was missing.
func queueWaiting(ctx context.Context, store *results.Store, st *export.Study, spec *sweep.Spec, points map[string]sweep.PointID) (queued int, err error) {
	var events []sweep.Event
	id := sweep.TrialID(len(st.Trials))
	for i := range st.Waiting {
		n := len(points)
		p := importProposal(st, spec, &st.Waiting[i], id+1, points)
		if len(points) == n {
			continue // never run again
		}
		id++
		p.Seed, p.Note = spec.Seed, p.Note+importedWait
		events = append(events, p)
	}
	return len(events), store.Record(ctx, events...)
}

// importPost is a trial in the journal: proposed and ended at once. points are
// the points so far, by their keys: trials of one point are ranked by their
// mean, as with duplicates: allow.
//
// The index of the proposal is one that no sampler and no file has, like those
// of trawl add, so that verify does not look for what proposed it.
func importPost(st *export.Study, spec *sweep.Spec, t *export.StudyTrial, id sweep.TrialID, points map[string]sweep.PointID, goesOn bool) sweep.Post {
	p := importProposal(st, spec, t, id, points)
	e := &sweep.Ended{Trial: id, State: t.State, Class: t.Class, Reason: p.Note}
	if t.Reason != "" {
		e.Reason += ": " + strings.TrimPrefix(t.Reason, importedNote)
	}
	if len(t.Values) > 0 {
		e.HasObjective, e.Objective, e.ObjectiveStep, e.Others = true, t.Values[0], t.Step, t.Values[1:]
	}
	e.Exit = sweep.Exit{StartedAt: t.Started, EndedAt: t.Ended}
	if t.Started == 0 || goesOn {
		e.Exit.StartedAt = t.Ended // both are set, or the sweep has run since 1970
	}
	return sweep.Post{Trial: id, Events: []sweep.Event{p, e}, Reports: t.Reports}
}

// ranElsewhere reports whether a trial was imported.
func ranElsewhere(t results.TrialRow) bool {
	return t.Attempts == 0 && t.State.Settled() && strings.HasPrefix(t.Reason, importedNote)
}

// importProposal is the proposal of an imported trial, whose values are written
// down as they came: a space that a study was given holds them, a sweep file's
// was asked before.
func importProposal(st *export.Study, spec *sweep.Spec, t *export.StudyTrial, id sweep.TrialID, points map[string]sweep.PointID) *sweep.Proposed {
	pt := make(sweep.Point, len(spec.Space.Params))
	for name, v := range t.Params {
		if i, ok := spec.Space.Index(name); ok {
			pt[i] = v
		}
	}
	key := spec.Space.Key(pt)
	if points[key] == 0 {
		points[key] = sweep.PointID(len(points) + 1)
	}
	return &sweep.Proposed{Trial: id, Proposal: importIndex(id), PointID: points[key], Key: key, Params: string(spec.Space.AppendJSON(nil, pt)),
		Repeat: 1, Planned: 1, Seed: t.Seed, Revision: 1, Note: importedNote + fmt.Sprintf("%s of %s", t.Label, st.Source)}
}

// importIndex is far below all indices of samplers and of points in a file. It is the index of the proposal of an imported trial.
func importIndex(id sweep.TrialID) int64 { return math.MinInt64 + int64(id) - 1 }

// refuseImported refuses to run trials of a sweep that was imported, for it has
// no command: the file that stands for it says only what the trials were.
func refuseImported(row results.SweepRow) error {
	spec, err := specOf(row)
	if err != nil {
		return err
	}
	if len(spec.Command) > 0 || spec.Shell != "" || spec.Program != "" || spec.Trainer != nil {
		return nil
	}
	if !strings.HasPrefix(spec.Description, importedFrom) {
		return nil
	}
	return usagef("the trials of sweep %s were imported and have no command to be run with; a sweep file with `from: %[1]s` learns from them", row.Name)
}

// fitStudy makes the trials of a study points of a sweep file's space: those
// that lie in it and have a value. Failures stay out, for they would count
// against the failures that the sweep may have. What is left out is noted, with
// the first reason, so that a space that is wrong in one bound shows.
func fitStudy(st *export.Study, spec *sweep.Spec) error {
	if len(st.Objectives) != len(spec.Objectives) {
		return usagef("--file: %s has %d objectives, the sweep file %d", st.Source, len(st.Objectives), len(spec.Objectives))
	}
	for i, o := range spec.Objectives {
		if o.Goal != st.Objectives[i].Goal {
			return usagef("--file: the sweep file is to %s %s, %s to %s", o.Goal, o.Name, st.Source, st.Objectives[i].Goal)
		}
	}
	st.Rename(spec.Objectives)
	kept := st.Trials[:0]
	ill, outside, first := 0, 0, ""
	for _, t := range st.Trials {
		if len(t.Values) == 0 || t.State != sweep.Finished && t.State != sweep.Pruned {
			ill++
			continue
		}
		why, err := fitTrial(&t, spec.Space)
		if err != nil {
			return err
		}
		if why != "" {
			if outside++; first == "" {
				first = t.Label + ": " + why
			}
			continue
		}
		kept = append(kept, t)
	}
	if st.Trials = kept; ill > 0 {
		st.Notes = append(st.Notes, fmt.Sprintf("%d trials without a value are left out", ill))
	}
	if outside > 0 {
		st.Notes = append(st.Notes, fmt.Sprintf("%d trials are not in the space and left out; the first is %s", outside, first))
	}
	if err := fitWaiting(st, spec); err != nil {
		return err
	}
	if len(kept) == 0 {
		return fmt.Errorf("--file: no trial of %s is left: %s", st.Source, strings.Join(st.Notes, "; "))
	}
	return nil
}

// fitWaiting makes points of the trials that waited: what they lack is drawn, as
// for the points of a sweep file.
func fitWaiting(st *export.Study, spec *sweep.Spec) error {
	kept := st.Waiting[:0]
	for i, t := range st.Waiting {
		given := map[string]sweep.Value{}
		for name, v := range t.Params {
			if _, ok := spec.Space.Index(name); ok {
				given[name] = v
			}
		}
		pt, err := spec.Space.FromNames(given)
		if err != nil || len(given) == 0 {
			continue
		}
		pt, ok, err := spec.Space.Draw(pt, sweep.Query{Seed: spec.Seed}.Rand(importIndex(sweep.TrialID(len(st.Trials)+i+1))))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		t.Params = map[string]sweep.Value{}
		for i, v := range pt {
			if !v.IsAbsent() {
				t.Params[spec.Space.Params[i].Name] = v
			}
		}
		kept = append(kept, t)
	}
	if n := len(st.Waiting) - len(kept); n > 0 {
		st.Notes = append(st.Notes, fmt.Sprintf("%d trials that wait are not in the space and left out", n))
	}
	st.Waiting = kept
	return nil
}

// fitTrial makes the parameters of a trial a point of the space; why says why
// they are none.
func fitTrial(t *export.StudyTrial, space *sweep.Space) (why string, err error) {
	pt := make(sweep.Point, len(space.Params))
	for i := range space.Params {
		p := &space.Params[i]
		v, ok := t.Params[p.Name]
		if !ok {
			continue
		}
		if p.Derived == nil {
			taken, ok := p.Domain.Take(v)
			if !ok {
				return fmt.Sprintf("%s = %s; want %s", p.Name, v, p.Domain.Want()), nil
			}
			v = taken
		}
		pt[i] = v
	}
	pt, inside := space.Adopt(pt)
	if !inside {
		return "its values are no point of it", nil
	}
	t.Params = map[string]sweep.Value{}
	for i, v := range pt {
		if !v.IsAbsent() {
			t.Params[space.Params[i].Name] = v
		}
	}
	return "", nil
}
