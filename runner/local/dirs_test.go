package local

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/trawl-sweep/trawl/runner"
)

func TestDirsAhead(t *testing.T) {
	root := t.TempDir()
	job := func(id, attempt int) runner.Job {
		j := shell(root, 0, "true")
		j.Trial, j.Attempt, j.TrialDir = 1, attempt, filepath.Join(root, "1")
		if id == 2 {
			j.Trial, j.TrialDir = 2, filepath.Join(root, "2")
		}
		return j
	}
	exists := func(name string) bool {
		_, err := os.Lstat(filepath.Join(root, name))
		return err == nil
	}
	var d dirs
	if err := d.prepare(job(1, 1)); err != nil {
		t.Fatal(err)
	}
	d.ahead(job(1, 1))
	if !exists("2/checkpoint") {
		t.Fatal("the directory of trial 2 was not made")
	}
	d.close()
	if exists("2") {
		t.Error("a directory that was never taken stays")
	}
	d.ahead(job(1, 1)) // as if killed before close
	d = dirs{}
	if err := d.prepare(job(2, 1)); err != nil || exists("2.stale-1") {
		t.Errorf("a blank directory was not taken: %v", err)
	}
	d.ahead(job(1, 1))
	d.close()
	if !exists("2/params.json") {
		t.Error("a directory in use was removed")
	}
	if err := d.prepare(job(2, 1)); err != nil || !exists("2.stale-1/params.json") {
		t.Errorf("what an unknown attempt left was not moved aside: %v", err)
	}
}

// A directory is bare until the trial leaves a file or folder of its own in it.
func TestBare(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "1")
	if bare(dir) {
		t.Error("no directory: got bare, want not")
	}
	d := dirs{}
	if err := d.prepare(runner.Job{TrialDir: dir, Attempt: 1, Params: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if !bare(dir) {
		t.Error("as prepared: got not bare, want bare")
	}
	for i := range 100 {
		name := filepath.Join(dir, fmt.Sprintf("a-file-with-a-long-name-%d", i))
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if bare(dir) {
			t.Fatalf("with %d files more: got bare, want not", i+1)
		}
		if i%2 == 0 { // gaps and long listings, too
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 && !bare(dir) {
			t.Error("after the file was removed: got not bare, want bare")
		}
	}
}
