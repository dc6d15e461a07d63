package results

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"modernc.org/sqlite"
)

// Each way out of reading is refused as such, by the outline of the text or by
// the authorizer, and says so by ErrQuery.
func TestEachForbiddenStatement(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	out := filepath.Join(t.TempDir(), "out.db")
	for _, tt := range []struct{ name, sql string }{
		{"insert", "insert into t_requests (sweep, verb, at) values (1, 'stop', 1)"},
		{"insert behind with", "with a as (select 1) insert into t_requests (sweep, verb, at) select 1, 'stop', 1 from a"},
		{"replace", "replace into t_requests (sweep, verb, at) values (1, 'stop', 1)"},
		{"update", "update t_trials set state = 'queued'"},
		{"update behind with", "with a as (select 1) update t_trials set state = 'queued'"},
		{"delete", "delete from t_journal"},
		{"delete behind with", "with a as (select 1) delete from t_journal"},
		{"create table", "create table x (a)"},
		{"create table as", "create table x as select 1"},
		{"create view", "create view x as select 1"},
		{"create index", "create index x on t_trials (seed)"},
		{"create trigger", "create trigger x after insert on t_trials begin select 1; end"},
		{"create temp table", "create temp table x (a)"},
		{"drop table", "drop table t_trials"},
		{"drop view", "drop view one"},
		{"alter table", "alter table t_trials add column x"},
		{"analyze", "analyze"},
		{"reindex", "reindex"},
		{"vacuum", "vacuum"},
		{"vacuum into", "vacuum into '" + out + "'"},
		{"attach", "attach '" + out + "' as x"},
		{"attach explained", "explain attach '" + out + "' as x"},
		{"detach", "detach main"},
		{"begin", "begin"},
		{"begin immediate", "begin immediate"},
		{"commit", "commit"},
		{"rollback", "rollback"},
		{"savepoint", "savepoint x"},
		{"release", "release x"},
		{"pragma", "pragma journal_mode = delete"},
		{"pragma that turns the guard off", "pragma query_only = 0"},
		{"pragma explained", "explain pragma journal_mode = delete"},
		{"pragma as a table", "select * from pragma_journal_mode"},
		{"pragma of the file list", "select * from pragma_database_list"},
		{"function that loads code", "select load_extension('" + out + "')"},
		{"function that takes all memory", "select randomblob(2000000000)"},
		{"two statements", "select 1; select 2"},
		{"a statement behind a comment", "select 1 /* ; */; delete from t_journal"},
		{"a statement behind a text", "select ';' ; delete from t_journal"},
		{"a NUL", "select 1\x00; delete from t_journal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := ask(t, db, tt.sql)
			if !errors.Is(err, ErrQuery) {
				t.Errorf("%s: got %v, want ErrQuery", tt.sql, err)
			}
		})
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was created")
	}
	wantVerified(t, db, "one")
	if got := table(t, db.Reader(), "select count(*) from t_requests union all select state from t_trials"); got != "0\nfinished" {
		t.Errorf("got %s", got)
	}
}

func ask(t *testing.T, db *DB, sql string) error {
	t.Helper()
	rows, err := db.Reader().Query(t.Context(), sql)
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return errors.Join(rows.Err(), rows.Close())
}

// A mistake in the SQL is not called a breach.
func TestMistakesAreNotRefusals(t *testing.T) {
	db, _ := newStore(t, testSpec("one"))
	for _, sql := range []string{"", "   ;;  ", "select", "select nosuch from trials", "select * from nosuch", "select 'a", `select "a`, "select [a",
		"select /* a", "select 1 +", "select nosuchfunction(1)",
		"select * from pragma_user_version(5)"} {
		if err := ask(t, db, sql); err == nil || errors.Is(err, ErrQuery) {
			t.Errorf("%q: got %v, want a mistake", sql, err)
		}
	}
}

// What an authorizer of SQLite may be asked, by number: reading is allowed and
// nothing else, whatever a newer SQLite adds.
func TestGuardAllowsReadingAlone(t *testing.T) {
	reading := map[sqlite.AuthorizerActionCode]bool{sqlite.AuthSelect: true, sqlite.AuthRead: true, sqlite.AuthRecursive: true}
	for action := range sqlite.AuthorizerActionCode(64) {
		want := sqlite.AuthorizerReturnCode(sqlite.AuthorizerDeny)
		if reading[action] {
			want = sqlite.AuthorizerOK
		}
		if got := guard(action, "x", "y", "main", ""); got != want {
			t.Errorf("action %d: got %v, want %v", action, got, want)
		}
	}
	for _, tt := range []struct {
		action     sqlite.AuthorizerActionCode
		arg1, arg2 string
		ok         bool
	}{
		{sqlite.AuthFunction, "", "SUM", true}, {sqlite.AuthFunction, "", "json_extract", true}, {sqlite.AuthFunction, "", "readfile", false},
		{sqlite.AuthPragma, "table_info", "one", true}, {sqlite.AuthPragma, "Table_Info", "one", true}, {sqlite.AuthPragma, "user_version", "", true},
		{sqlite.AuthPragma, "user_version", "7", false}, {sqlite.AuthPragma, "query_only", "", false},
	} {
		if got := guard(tt.action, tt.arg1, tt.arg2, "", "") == sqlite.AuthorizerOK; got != tt.ok {
			t.Errorf("%d %s %s: got %v, want %v", tt.action, tt.arg1, tt.arg2, got, tt.ok)
		}
	}
}

// The outline of a query is what is left to look at: no text, no comment.
func TestOutline(t *testing.T) {
	for sql, want := range map[string]string{
		"select 'a;b' ; x":                "select q ; x",
		"select 'it''s' -- ; c\n, 1":      "select qq  , 1",
		"select \"a;\", `b;`, [c;] /*;*/": "select q, q, q",
		"-- only":                         "",
		"/* a */ select 1 /* b */":        "select 1",
	} {
		got, err := outline(sql)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", sql, got, err, want)
		}
	}
	for _, sql := range []string{"'", "select '", `"a`, "`", "[a", "/*", "/*/", "a /* b"} {
		if got, err := outline(sql); err == nil {
			t.Errorf("%q: got %q, want an error", sql, got)
		}
	}
}

func TestWhereIsOneExpression(t *testing.T) {
	for _, ok := range []string{"lr > 1", "(lr > 1) and opt in ('a)', 'b;')", "lr > 1 -- c", "exists (select 1)", "state = 'x'"} {
		if err := oneExpression(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "  ", "-- c", "1) or (1", ")(", "(lr", "1; drop table t_trials", "'", "1 /*"} {
		if err := oneExpression(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
		if _, err := AllRows("one", bad); err == nil && bad != "" {
			t.Errorf("AllRows(%q) was taken", bad)
		}
	}
	if got, err := AllRows(`a"b`, ""); err != nil || got != `select * from "a""b/all" order by trial` {
		t.Errorf("got %s, %v", got, err)
	}
}

// A file is opened for reading however its name is spelled; the name is a name,
// not a URI, so that no parameter in it opens the file for writing.
func TestPathsAreNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"plain.db", "a b.db", "50%.db", "x?mode=rwc", "y#z.db", "file:x.db", "ü.db", "it's.db"} {
		path := filepath.Join(dir, name)
		db := openDB(t, path)
		s := claim(t, db, testSpec("one"))
		end(t, s, proposed(1), finished(1, 1), loss(3, 1))
		must(t, s.Close())
		must(t, db.Close())
		r, err := OpenRead(t.Context(), path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := table(t, r, "select loss from one"); got != "1" {
			t.Errorf("%s: got %s", name, got)
		}
		must(t, r.Close())
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	before := listing(t, dir)
	for _, name := range []string{"plain.db?mode=rwc", "new.db?mode=rwc", "file:new.db?mode=rwc", "file:" + dir + "/new.db?mode=rwc", "no/such.db", "."} {
		if _, err := OpenRead(t.Context(), filepath.Join(dir, name)); !errors.Is(err, ErrNoDatabase) {
			t.Errorf("%s: got %v, want ErrNoDatabase", name, err)
		}
		if _, err := Query(t.Context(), filepath.Join(dir, name), "select 1"); !errors.Is(err, ErrNoDatabase) {
			t.Errorf("query %s: got %v, want ErrNoDatabase", name, err)
		}
	}
	if after := listing(t, dir); after != before {
		t.Errorf("files before: %s, after: %s", before, after)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	return fmt.Sprint(files)
}
