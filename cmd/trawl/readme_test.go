package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The shell blocks of the README run as they stand, with the trawl of this
// tree, in a directory that has the repository's configs.
func TestReadme(t *testing.T) {
	doc, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	trawl := filepath.Join(bin, "trawl")
	if out, err := exec.Command("go", "build", "-o", trawl, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	configs, err := filepath.Abs("../../configs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(configs, filepath.Join(dir, "configs")); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, part := range strings.Split(string(doc), "```sh\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		n++
		cmd := exec.Command("sh", "-e", "-c", strings.ReplaceAll(block, "go run ./cmd/trawl", "trawl"))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TRAWL_DB=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", block, err, out)
		}
		if !strings.Contains(string(out), "Try next: trawl query") {
			t.Errorf("%s: no ranking with an SQL line:\n%s", block, out)
		}
	}
	if n < 2 {
		t.Errorf("the README has %d shell blocks to run; want the main job and the tour", n)
	}
}
