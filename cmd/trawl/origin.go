package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// An origin is what the last attempt of a trial was made of: the sweep file as it
// was then, and what that run of trawl said of code and machine.
type origin struct {
	trial   results.TrialRow
	runs    string // directories of the sweep's trials
	spec    *sweep.Spec
	dir     string // where `trawl run` was started
	doc     string // the provenance as it was recorded; "": nothing is known
	diff    string
	told    provenance
	started *sweep.Started // nil: it never ran
	notes   []*sweep.Note
}

func (a *app) originOf(ctx context.Context, r *results.Reader, row results.SweepRow, t results.TrialRow) (*origin, error) {
	set, err := r.SpecOf(ctx, row.Name, t.ID)
	if err != nil {
		return nil, err
	}
	o := &origin{trial: t, runs: row.RunsDir, dir: set.Dir}
	f, err := configs.Parse(row.Name, []byte(set.Doc), configs.Options{Name: row.Name})
	if err != nil {
		return nil, fmt.Errorf("read the spec of sweep %s: %w", row.Name, err)
	}
	o.spec = f.Spec
	if o.doc, o.diff, err = r.Provenance(ctx, row.Name, t.ID); err != nil {
		return nil, err
	}
	if o.doc != "" && json.Unmarshal([]byte(o.doc), &o.told) != nil {
		o.doc, o.told = "", provenance{} // of another version of trawl
	}
	entries, err := r.Events(ctx, row.Name, t.ID)
	for _, e := range entries {
		switch e := e.Event.(type) {
		case *sweep.Started:
			o.started = e
			if e.Group != "" {
				o.notes = append(o.notes, &sweep.Note{What: "fused", Trial: t.ID, Text: fmt.Sprintf("attempt %d, in the group of %s", e.Attempt, e.Group)})
			}
		case *sweep.Note:
			o.notes = append(o.notes, e)
		}
	}
	return o, err
}

// maker makes the jobs of that time; lookup finds the variables that it had.
func (o *origin) maker(a *app, runs string, lookup func(string) (string, bool)) *jobMaker {
	return &jobMaker{sweeping: &sweeping{a: a, spec: o.spec, baseDir: o.dir, runs: runs},
		interpreter: cmp.Or(o.told.Interpreter, interpreter()), lookup: lookup}
}

// recorded finds a variable as it was recorded, a secret as its mask.
func (o *origin) recorded(name string) (string, bool) {
	if v, ok := o.told.Env[name]; ok {
		return v, true
	}
	return os.LookupEnv(name)
}

// command is the command line of the last attempt and its working directory.
func (o *origin) command(a *app) (argv []string, dir string, err error) {
	if o.spec.Trainer != nil {
		argv, err = trainerCommand(o.spec, o.trial)
		return argv, o.dir, err
	}
	m := o.maker(a, o.runs, o.recorded)
	t, err := o.attempt(max(1, o.trial.Attempts))
	if err != nil {
		return nil, "", err
	}
	argv, err = m.argv(t, string(o.trial.Params), o.started != nil && o.started.Resumed)
	return argv, m.workdirOf(m.trialDir(t.ID)), err
}

func (o *origin) attempt(n int) (sweep.Trial, error) {
	pt, err := o.spec.Space.ParseJSON(o.trial.Params)
	return sweep.Trial{ID: o.trial.ID, Point: pt, Seed: o.trial.Seed, Attempt: n}, err
}

// environ is the environment that the trials inherited: of what is recorded, its
// value of then, and nothing else of these names; the rest, and what was masked,
// as now is. lost are the variables that had a secret value and are not set.
func (o *origin) environ(now []string) (env, lost []string) {
	if o.doc == "" {
		return now, nil
	}
	named, current := namedVars(o.spec), map[string]string{}
	for _, kv := range now {
		name, _, _ := strings.Cut(kv, "=")
		if !allowed(name, named) {
			env = append(env, kv)
		}
		current[name] = kv
	}
	for _, name := range slices.Sorted(maps.Keys(o.told.Env)) {
		v := o.told.Env[name]
		switch kv, set := current[name]; {
		case !strings.Contains(v, masked) && !strings.ContainsRune(v, '\uFFFD'):
			env = append(env, name+"="+v)
		case set:
			env = append(env, kv)
		default:
			lost = append(lost, name)
		}
	}
	return env, lost
}

// changes says what differs now from what the trial ran with.
func (o *origin) changes(ctx context.Context, a *app) []string {
	if o.doc == "" {
		return []string{"nothing is recorded of its code"}
	}
	if _, err := os.Stat(o.dir); err != nil {
		return []string{fmt.Sprintf("the folder that it was run in is not here: %s", o.dir)}
	}
	s := &sweeping{a: a, spec: o.spec, baseDir: o.dir}
	now, _ := s.provenance(ctx)
	then := o.told
	var out []string
	differ := func(what, then, now string) {
		if then != now {
			out = append(out, fmt.Sprintf("%s %s then, %s now", what, cmp.Or(then, "none"), cmp.Or(now, "none")))
		}
	}
	differ("commit", prefixOf(then.Commit, 12), prefixOf(now.Commit, 12))
	switch {
	case then.Diff == now.Diff:
	case then.Diff == "":
		out = append(out, "there are uncommitted changes now")
	case now.Diff == "":
		out = append(out, "its uncommitted changes are not there now")
	default:
		out = append(out, "other changes are uncommitted now")
	}
	for _, name := range slices.Sorted(maps.Keys(then.Files)) {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(o.dir, name)
		}
		switch sum, err := hashFile(path); {
		case err != nil:
			out = append(out, name+" is gone")
		case sum != then.Files[name]:
			out = append(out, name+" has changed")
		}
	}
	differ("python", then.Python, now.Python)
	differ("host", then.Host, now.Host)
	if o.spec.Trainer != nil {
		differ("trawl", then.Trawl, now.Trawl)
	}
	return out
}
