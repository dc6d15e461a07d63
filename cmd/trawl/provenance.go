package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// A provenance is what a run of trawl says of the code and the machine of its
// trials.
type provenance struct {
	Code    string            `json:"code"` // commit, +DIFF if it was changed, ~FILES if the program is not in it; else the files' hash; "": nothing is known
	Commit  string            `json:"commit,omitempty"`
	Branch  string            `json:"branch,omitempty"`
	Diff    string            `json:"diff,omitempty"` // SHA-256 of the uncommitted changes
	Missing string            `json:"missing,omitempty"`
	New     []string          `json:"untracked,omitempty"` // files that git does not know
	Trawl   string            `json:"trawl"`
	Argv    []string          `json:"argv"` // of trawl
	Host    string            `json:"host"`
	System  string            `json:"system"`
	CPU     string            `json:"cpu,omitempty"`
	Cores   int               `json:"cores"`
	GPUs    string            `json:"gpus,omitempty"`
	Driver  string            `json:"driver,omitempty"`
	Python  string            `json:"python,omitempty"`
	Files   map[string]string `json:"files,omitempty"` // program, its neighbours that git does not know, data of the trainer → SHA-256
	Env     map[string]string `json:"env,omitempty"`   // what trials inherited, as far as it counts

	Interpreter string `json:"interpreter,omitempty"` // what ${interpreter} was
}

const (
	maxDiff      = 1 << 20 // longer uncommitted changes are named, not kept
	maxUntracked = 50
	lookPatience = 5 * time.Second // for git and python
)

// provenance looks at the code and the machine; diff is the text of what is not
// committed. What cannot be told is left out.
func (s *sweeping) provenance(ctx context.Context) (p provenance, diff string) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	p = provenance{Trawl: version, Argv: maskArgs(os.Args), Host: host(), System: system(), CPU: cpuName(), Cores: usableCores(),
		Interpreter: interpreter(), GPUs: gpuNames(s.fits.gpus)}
	p.Env = allowedEnv(baseEnv(os.Environ(), s.spec, max(1, s.fits.n)), namedVars(s.spec))
	if len(s.fits.gpus) > 0 {
		p.Driver = s.fits.gpus[0].Driver
	}
	words := commandWords(s.spec)
	var wg sync.WaitGroup
	wg.Go(func() { diff = p.git(ctx, s.baseDir) })
	wg.Go(func() { p.Python = pythonVersion(ctx, words) })
	wg.Wait()
	p.hash(s.spec, s.baseDir, words)
	return p, diff
}

func prefixOf(s string, n int) string { return s[:min(n, len(s))] }

// git fills in what git says of a directory, and returns its uncommitted changes.
func (p *provenance) git(ctx context.Context, dir string) (diff string) {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "--no-optional-locks"}, args...)...)
		var out bytes.Buffer
		cmd.Stdout = &out
		cmd.WaitDelay = time.Second
		err := cmd.Run()
		return out.String(), err
	}
	commit, err := git("rev-parse", "--verify", "HEAD")
	if err != nil {
		return "" // no git, no repository, or no commit yet
	}
	p.Commit = strings.TrimSpace(commit)
	if b, err := git("symbolic-ref", "--short", "HEAD"); err == nil {
		p.Branch = strings.TrimSpace(b)
	}
	if diff, err = git("diff", "--no-color", "--no-ext-diff", "--binary", "HEAD"); err != nil {
		p.Missing = "git diff: " + err.Error()
		diff = ""
	}
	if diff != "" {
		sum := sha256.Sum256([]byte(diff))
		p.Diff = hex.EncodeToString(sum[:])
	}
	if len(diff) > maxDiff {
		p.Missing = fmt.Sprintf("the uncommitted changes are %s long, more than the %s that are kept", bytesText(int64(len(diff))), bytesText(maxDiff))
		diff = ""
	}
	list, err := git("ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return diff
	}
	for name := range strings.SplitSeq(list, "\x00") {
		if name != "" && len(p.New) < maxUntracked && !strings.HasPrefix(filepath.Base(name), "trawl.db") {
			p.New = append(p.New, name)
		}
	}
	return diff
}

// journalProvenance writes down of what code the trials of this run are: the
// uncommitted changes once per content.
func (s *sweeping) journalProvenance(ctx context.Context) error {
	p, diff := s.provenance(ctx)
	var events []sweep.Event
	note := func(what string, v any) error {
		b, err := json.Marshal(v)
		events = append(events, &sweep.Note{What: what, Text: string(b)})
		return err
	}
	if diff != "" {
		known, err := s.store.HasDiff(ctx, p.Diff)
		if err != nil {
			return err
		}
		if !known {
			if err := note(results.NoteDiff, map[string]string{"sha256": p.Diff, "text": strings.ToValidUTF8(diff, "\uFFFD")}); err != nil {
				return err
			}
		}
	}
	if err := note(results.NoteProvenance, p); err != nil {
		return err
	}
	return s.store.Record(ctx, events...)
}

// commandWords are the words of a sweep's command that name programs.
func commandWords(spec *sweep.Spec) []string {
	var words []string
	switch {
	case spec.Trainer != nil:
	case spec.Shell != "":
		words = strings.Fields(spec.Shell)
	case spec.Command == nil:
		words = []string{"${interpreter}", "${program}"}
	default:
		words = slices.Clone(spec.Command)
		if i := slices.Index(words, "-c"); i >= 0 && i+1 < len(words) { // of a shell
			words = slices.Concat(words[:i+1], strings.Fields(words[i+1]), words[i+2:])
		}
	}
	for i, w := range words {
		words[i] = strings.ReplaceAll(strings.ReplaceAll(w, "${program}", spec.Program), "${interpreter}", interpreter())
	}
	return words
}

var pythonName = regexp.MustCompile(`^python[0-9.]*$`)

// pythonVersion is what the Python of a command calls itself, "" if it has none.
func pythonVersion(ctx context.Context, words []string) string {
	for _, w := range words {
		if !pythonName.MatchString(filepath.Base(w)) {
			continue
		}
		path, err := exec.LookPath(w)
		if err != nil {
			return ""
		}
		cmd := exec.CommandContext(ctx, path, "--version")
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput() // Python 2 says it on stderr
		if err != nil {
			return ""
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return fmt.Sprintf("%s (%s)", prefixOf(line, 100), path)
	}
	return ""
}

func system() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return runtime.GOOS + "/" + runtime.GOARCH
	}
	return fmt.Sprintf("%s %s, %s/%s", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), runtime.GOOS, runtime.GOARCH)
}

// cpuName is the model of the processor, "" where the system does not say.
func cpuName() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(v, " \t:"))
		}
	}
	return ""
}

// printProvenance prints what is known of a trial's code and machine, and what
// has changed since.
func (a *app) printProvenance(o *origin, changed []string) {
	p, w := o.told, a.stdout
	if o.doc == "" {
		return
	}
	if p.Code != "" {
		fmt.Fprintf(w, "code       %s", plain(p.Code))
		if p.Branch != "" {
			fmt.Fprintf(w, " (%s)", plain(p.Branch))
		}
		if o.diff != "" {
			fmt.Fprintf(w, ", with %d lines of uncommitted changes: --format diff", strings.Count(o.diff, "\n"))
		} else if p.Missing != "" {
			fmt.Fprintf(w, "; %s", plain(p.Missing))
		}
		fmt.Fprintln(w)
	}
	for _, f := range slices.Sorted(maps.Keys(p.Files)) {
		fmt.Fprintf(w, "file       %s sha256:%s\n", plain(f), prefixOf(p.Files[f], 16))
	}
	for _, c := range changed {
		fmt.Fprintf(w, "changed    %s\n", plain(c))
	}
	switch {
	case p.Code == "":
		fmt.Fprintln(w, "code       not known: no git repository, and no file in the command")
	case len(changed) == 0:
		fmt.Fprintln(w, "unchanged  code, files, python and host are those of now")
	}
	fmt.Fprintf(w, "run by     trawl %s: %s\n", plain(p.Trawl), plain(shellLine(p.Argv)))
	machine := []string{p.Host, p.System, fmt.Sprintf("%s %s", counted(p.Cores, "core"), p.CPU)}
	if p.GPUs != "" {
		machine = append(machine, p.GPUs+", driver "+p.Driver)
	}
	fmt.Fprintf(w, "machine    %s\n", plain(strings.TrimSpace(strings.Join(machine, ", "))))
	if p.Python != "" {
		fmt.Fprintf(w, "python     %s\n", plain(p.Python))
	}
	for _, env := range []map[string]string{p.Env, fileEnv(o.spec)} {
		for _, name := range slices.Sorted(maps.Keys(env)) {
			fmt.Fprintf(w, "env        %s\n", plain(name+"="+env[name]))
		}
	}
}
