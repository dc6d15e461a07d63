package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The blocks of the README that are fenced as sh run as they stand, one after
// the other, in a directory that has the repository's configs and nothing else;
// trawl is this test binary, or one that is built when this has the race
// detector, with which the trainings take ten times as long. Blocks fenced as
// console or text are for reading.
func TestReadme(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	configs, err := filepath.Abs("../../configs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(configs, filepath.Join(dir, "configs")); err != nil {
		t.Fatal(err)
	}
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "TRAWL_") })
	if raceDetector {
		bin := t.TempDir()
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "trawl"), ".").CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		env = append(env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	blocks := strings.Split(string(doc), "\n```sh\n")[1:]
	if len(blocks) < 2 {
		t.Errorf("the README has %d shell blocks to run; want the main job and the tour", len(blocks))
	}
	for _, part := range blocks {
		block, _, closed := strings.Cut(part, "\n```")
		if !closed {
			t.Fatalf("a shell block has no end:\n%s", part)
		}
		if _, err := exec.LookPath("python3"); err != nil && strings.Contains(block, "\nimport ") {
			t.Log("no python3 here: the blocks with scripts of Python are not run")
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", strings.ReplaceAll(block, "go run ./cmd/trawl", "trawl"))
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", block, err, out)
		}
		if strings.Contains(cmd.Args[3], "trawl run") && !strings.Contains(string(out), "Try next: trawl query") {
			t.Errorf("%s: no ranking with an SQL line:\n%s", block, out)
		}
	}
}
