package results

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

// Nothing that a query says creates or changes a file.
func TestQueryGuard(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, filepath.Join(dir, "trawl.db"))
	s := claim(t, db, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	before := table(t, db.Reader(), "select group_concat(sql) from sqlite_master union all select count(*) from t_journal")
	out := filepath.Join(t.TempDir(), "out")
	for _, q := range []string{
		"", ";", "-- nothing", "select 1; select 2", "select 1; drop table t_trials",
		"insert into t_trials (id) values (1)", "delete from t_trials", "update t_sweeps set name = 'x'", "drop table t_trials", "create table x (a)",
		"create temp table x (a)", "with a as (select 1) delete from t_trials", "with a as (select 1) insert into t_requests select * from a",
		"/**/ attach '" + out + "' as x", "explain attach '" + out + "' as x", "vacuum into '" + out + "'",
		"pragma user_version = 3", "pragma query_only = 0", "pragma writable_schema = 1", "explain pragma journal_mode = delete", "begin", "commit", "reindex",
		"select load_extension('" + out + "')", "select writefile('" + out + "', 'x')", "select readfile('/etc/passwd')", "select fts3_tokenizer('x')", "select randomblob(1000000000)",
		"select edit('x')", "select * from pragma_journal_mode", "select * from pragma_user_version(5)", "select 'x\x00y'", "select 'unclosed", "select /* unclosed",
		"values (1) returning 1", "create virtual table x using dbstat", strings.Repeat(" ", maxQueryText) + "select 1",
	} {
		rows, err := db.Reader().Query(t.Context(), q)
		if err == nil {
			for rows.Next() {
			}
			err = errors.Join(rows.Err(), rows.Close())
		}
		if err == nil {
			t.Errorf("%.60q was run", q)
		}
	}
	for _, q := range []string{
		"select 1", " \n-- c\n with a(x) as (values (1) union all select x + 1 from a where x < 9) select max(x) from a;",
		"values (1, 'a;b')", "explain query plan select * from t_trials", `select "NAME;", 1 from (select 1 as "NAME;")`,
		"select avg(lr) over (order by trial), json_extract('[1]', '$[0]'), strftime('%Y', 'now') from one", "select name from pragma_table_info('one')",
		"select round(avg(lr), 2), sqrt(2) from one", "select * from sqlite_master", "select count(*) from metrics where name like 'l%' and name glob '*'",
	} {
		rows, err := db.Reader().Query(t.Context(), q)
		if err != nil {
			t.Errorf("%q: %v", q, err)
			continue
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Errorf("%q: %v", q, err)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was created")
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), "trawl.db") || strings.Contains(f.Name(), "journal") {
			t.Errorf("file %s was created", f.Name())
		}
	}
	if got := table(t, db.Reader(), "select group_concat(sql) from sqlite_master union all select count(*) from t_journal"); got != before {
		t.Errorf("the database changed: %s", got)
	}
}

// FuzzQueryGuard: no text gets past the guard to the file system or the schema.
func FuzzQueryGuard(f *testing.F) {
	for _, q := range []string{"select 1", "vacuum into 'x'", "explain attach 'x' as y", "with a as (select 1) select * from a", "select '--' /* ; */ ; --"} {
		f.Add(q)
	}
	dir := f.TempDir()
	f.Chdir(dir)
	db, err := Open(context.Background(), "trawl.db", Options{Create: true, Now: clock()})
	if err != nil {
		f.Fatal(err)
	}
	if err := db.Close(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, q string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		rows, err := Query(ctx, "trawl.db", q)
		if err == nil {
			for n := 0; n < 100 && rows.Next(); n++ {
			}
			rows.Close()
		}
		files, err := os.ReadDir(".")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.HasPrefix(f.Name(), "trawl.db") {
				t.Fatalf("%q created %s", q, f.Name())
			}
		}
	})
}

func TestQueryDeadline(t *testing.T) {
	db, _ := newStore(t, testSpec("one"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	rows, err := db.Reader().Query(ctx, "with recursive a(x) as (select 1 union all select x + 1 from a) select count(*) from a")
	if err == nil {
		rows.Next()
		err = errors.Join(rows.Err(), rows.Close())
	}
	if !isCanceled(err) {
		t.Errorf("got %v, want the deadline", err)
	}
}

func TestQueryArguments(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	rows, err := Query(t.Context(), db.Path(), `select lr, opt from one where trial = ?`, 1)
	must(t, err)
	defer rows.Close()
	var lr, opt any
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	must(t, rows.Scan(&lr, &opt))
	if lr != 0.001 || opt != "sgd" || rows.Next() {
		t.Errorf("got %v, %v", lr, opt)
	}
	if rows.Scan(&lr) == nil {
		t.Error("scanned one of two columns")
	}
}

func TestFilter(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	for id := sweep.TrialID(1); id <= 6; id++ {
		e := finished(id, float64(id))
		if id%2 == 0 {
			e.State, e.Class, e.HasObjective = sweep.Failed, sweep.ClassOOM, false
		}
		end(t, s, proposed(id), e, loss(3, float64(id)))
	}
	for _, tt := range []struct {
		name string
		f    Filter
		want []sweep.TrialID
	}{
		{"all", Filter{}, []sweep.TrialID{1, 2, 3, 4, 5, 6}},
		{"state", Filter{States: []sweep.State{sweep.Failed}}, []sweep.TrialID{2, 4, 6}},
		{"class", Filter{Classes: []sweep.Class{sweep.ClassOOM, sweep.ClassExit}, Limit: 2}, []sweep.TrialID{2, 4}},
		{"where", Filter{Where: "lr > 0.0025 and (units < 6) -- c"}, []sweep.TrialID{3, 4, 5}},
		{"where and state", Filter{Where: "loss > 2 or 0", States: []sweep.State{sweep.Finished}}, []sweep.TrialID{3, 5}},
		{"last", Filter{Last: true, Limit: 1}, []sweep.TrialID{6}},
		{"after", Filter{After: 4}, []sweep.TrialID{5, 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := db.Reader().Trials(t.Context(), "one", tt.f)
			must(t, err)
			var got []sweep.TrialID
			for _, r := range rows {
				got = append(got, r.ID)
			}
			if len(got) != len(tt.want) || got[0] != tt.want[0] || got[len(got)-1] != tt.want[len(got)-1] {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	for _, where := range []string{"1) or (1", "1; drop table t_trials", "nosuch > 1", "", " ", "load_extension('x')", "(1", "1)--"} {
		if where == "" {
			continue
		}
		if _, err := db.Reader().Trials(t.Context(), "one", Filter{Where: where}); err == nil {
			t.Errorf("where %q was taken", where)
		}
	}
}
