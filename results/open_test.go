package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func TestReadsNeverCreate(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	path := filepath.Join(dir, "a", "b", "trawl.db")
	for name, open := range map[string]func() error{
		"OpenRead": func() error { _, err := OpenRead(t.Context(), path); return err },
		"Open":     func() error { _, err := Open(t.Context(), path, Options{Now: clock()}); return err },
		"Query":    func() error { _, err := Query(t.Context(), path, "select 1"); return err },
	} {
		if err := open(); !errors.Is(err, ErrNoDatabase) || strings.Contains(err.Error(), "nearest") {
			t.Errorf("%s: %v", name, err)
		}
	}
	near := filepath.Join(dir, "trawl.db")
	openDB(t, near)
	if _, err := OpenRead(t.Context(), path); !errors.Is(err, ErrNoDatabase) || !strings.Contains(err.Error(), near) {
		t.Errorf("got %v, want one that names %s", err, near)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a read created the file")
	}
	must(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600))
	if _, err := OpenRead(t.Context(), path); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("other file: %v", err)
	}
}

func TestClockIsRequired(t *testing.T) {
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "x"), Options{Create: true}); err == nil {
		t.Error("opened without a clock")
	}
}

func TestSweepByName(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "trawl.db"))
	if _, err := db.Reader().Sweep(t.Context(), ""); !errors.Is(err, ErrNoSweep) {
		t.Errorf("empty database: %v", err)
	}
	claim(t, db, testSpec("mnist-clip"))
	claim(t, db, testSpec("other"))
	for which, want := range map[string]string{"": "other", "1": "mnist-clip", "mnist-clip": "mnist-clip", "2": "other"} {
		row, err := db.Reader().Sweep(t.Context(), which)
		if err != nil || row.Name != want {
			t.Errorf("%q: got %q, %v", which, row.Name, err)
		}
	}
	_, err := db.Reader().Sweep(t.Context(), "mnist-clp")
	if !errors.Is(err, ErrNoSweep) || !strings.Contains(err.Error(), "there is mnist-clip") {
		t.Errorf("got %v", err)
	}
	_, err = db.Reader().Trial(t.Context(), "other", 4)
	if !errors.Is(err, ErrNoTrial) {
		t.Errorf("got %v", err)
	}
	all, err := db.Reader().Sweeps(t.Context())
	must(t, err)
	if _, err := json.Marshal(all); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestMigrationKeepsACopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trawl.db")
	db := openDB(t, path)
	s := claim(t, db, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	must(t, s.Close())
	must(t, db.Close())
	last := migrations()[len(migrations())-1].version
	next := append(migrations(), migration{last + 1, "alter table t_sweeps add column owner text; update t_sweeps set owner = 'me'"})
	broken := append(migrations(), migration{last + 1, "alter table t_sweeps add column owner text; update nosuch set owner = 'me'"})
	if _, err := Open(t.Context(), path, Options{Now: clock(), migration: broken}); err == nil {
		t.Fatal("a migration that fails was applied")
	}
	db, err := Open(t.Context(), path, Options{Now: clock(), migration: next})
	must(t, err)
	if got := table(t, db.Reader(), `select owner, (select loss from one) from t_sweeps`); got != "me|1" {
		t.Errorf("got %s", got)
	}
	must(t, db.Close())
	if _, err := Open(t.Context(), path, Options{Now: clock()}); err == nil || !strings.Contains(err.Error(), "newer trawl") {
		t.Errorf("a newer version was opened: %v", err)
	}
	old, err := OpenRead(t.Context(), fmt.Sprintf("%s.bak-v%d", path, last))
	must(t, err)
	defer old.Close()
	if got := table(t, old, `select loss from one`); got != "1" {
		t.Errorf("copy: got %s", got)
	}
}

func TestForeignDatabaseIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	c, err := dial(t.Context(), dsn(path))
	must(t, err)
	must(t, c.text("create table mine (a)"))
	must(t, c.close())
	if _, err := Open(t.Context(), path, Options{Create: true, Now: clock()}); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("got %v", err)
	}
}

func TestExportIsOneFile(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	dst := filepath.Join(t.TempDir(), "it's out.db")
	must(t, db.ExportSQLite(t.Context(), dst))
	if err := db.ExportSQLite(t.Context(), dst); !errors.Is(err, os.ErrExist) {
		t.Errorf("second export: %v", err)
	}
	b, err := os.ReadFile(dst)
	must(t, err)
	if b[18] != 1 || b[19] != 1 { // file format: 1 is a rollback journal, 2 is WAL
		t.Errorf("the file is in WAL mode")
	}
	r, err := OpenRead(t.Context(), dst)
	must(t, err)
	defer r.Close()
	if got := table(t, r, `select loss from one`); got != "1" {
		t.Errorf("got %s", got)
	}
}

// The views open in the sqlite3 program, as typed in the README.
func TestCommandLineReads(t *testing.T) {
	sqlite, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("no sqlite3 program")
	}
	db, s := newStore(t, testSpec("mnist-clip"))
	for id := sweep.TrialID(1); id <= 3; id++ {
		end(t, s, proposed(id), finished(id, 1/float64(id)), loss(3, 1/float64(id)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for q, want := range map[string]string{
		`select lr, typeof(lr), units, opt, loss from "mnist-clip" order by loss limit 1`: "0.003|real|3|sgd|0.333333333333333",
		`select count(*) from sweeps, leaderboard, params`:                                "27",
		`select rank, tie from "mnist-clip/points" where rank = 1`:                        "1|1",
	} {
		out, err := exec.CommandContext(ctx, sqlite, db.Path(), q).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s\n got %s (%v)\nwant %s", q, got, err, want)
		}
	}
	schema, err := exec.CommandContext(ctx, sqlite, db.Path(), ".schema").CombinedOutput()
	must(t, err)
	if strings.Contains(strings.ToLower(string(schema)), ") strict") {
		t.Error("a strict table: SQLite 3.31 cannot open the file")
	}
}
