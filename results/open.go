package results

import (
	"context"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trawl-sweep/trawl/results/rank"
)

//go:embed schema/*.sql
var schema embed.FS

// A migration takes a database from the version before to the next. The last
// one leaves the tables as this package wants them.
type migration struct {
	version int
	sql     string
}

func migrations() []migration {
	return []migration{{1, mustRead("schema/001.sql")}, {2, mustRead("schema/002.sql")}, {3, mustRead("schema/003.sql")}}
}

func mustRead(name string) string {
	b, err := fs.ReadFile(schema, name)
	if err != nil {
		panic("results: " + err.Error())
	}
	return string(b)
}

// Open opens the database at path for writing and brings it up to date. The
// error wraps ErrNoDatabase where there is none and o.Create is not set. A
// lock held by others only delays it, until ctx is done.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	if o.Now == nil {
		return nil, errors.New("open database: Options.Now: want a clock")
	}
	switch {
	case o.GroupDelay == 0:
		o.GroupDelay = defaultGroupDelay
	case o.GroupDelay < 0:
		o.GroupDelay = 0
	}
	if o.migration == nil {
		o.migration = migrations()
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(abs); err != nil {
		if !o.Create {
			return nil, missing(abs)
		}
		if err := os.MkdirAll(filepath.Dir(abs), 0o777); err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
	}
	db := &DB{path: abs, opts: o}
	if net := networkFS(filepath.Dir(abs)); net != "" || o.exclusive {
		db.opts.exclusive = true
		db.notice = fmt.Sprintf("%s lies on a network file system (%s): it is locked for this process alone while it is open", path, net)
	}
	c, err := db.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.w = newWriter(c, db.opts)
	db.reader = newReader(abs)
	if db.opts.exclusive {
		db.reader.writer = db.w
	}
	return db, nil
}

// connect opens the connection that writes and migrates.
func (db *DB) connect(ctx context.Context) (*conn, error) {
	c, err := dial(ctx, dsn(db.path, "_defensive=1"))
	if err != nil {
		return nil, err
	}
	setup := []string{
		// Short, because the owner of the connection answers between two tries.
		"pragma busy_timeout = 200",
		"pragma journal_mode = wal",
		"pragma synchronous = normal",
		"pragma wal_autocheckpoint = 2000",
		"pragma cache_size = -16000",
		// Temporary tables are small; a full disk must not stop a read of them.
		"pragma temp_store = file",
	}
	if db.opts.exclusive {
		setup = append([]string{"pragma locking_mode = exclusive"}, setup...)
	}
	for _, q := range setup {
		if err := patient(ctx, func() error { return c.text(q) }); err != nil {
			c.close()
			return nil, err
		}
	}
	if err := migrate(ctx, c, db.path, db.opts.migration); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// patient runs fn again while others hold a lock, until ctx is done.
func patient(ctx context.Context, fn func() error) error {
	for {
		err := fn()
		if !busy(err) {
			return err
		}
		t := time.NewTimer(10 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-t.C:
		}
	}
}

// migrate applies what is missing in one transaction. A database that holds
// something is copied to PATH.bak-vN before.
func migrate(ctx context.Context, c *conn, path string, all []migration) error {
	want := all[len(all)-1].version
	v, err := version(ctx, c)
	switch {
	case err != nil:
		return err
	case v == want:
		return nil
	case v > want:
		return fmt.Errorf("the database is of version %d, this trawl knows up to %d; want a newer trawl", v, want)
	case v > 0:
		if err := backup(ctx, c, fmt.Sprintf("%s.bak-v%d", path, v), v); err != nil {
			return fmt.Errorf("copy before migration: %w", err)
		}
	}
	if err := patient(ctx, func() error { return c.text("begin immediate") }); err != nil {
		return err
	}
	if err := upgrade(ctx, c, all, want); err != nil {
		return errors.Join(fmt.Errorf("migrate: %w", err), c.text("rollback"))
	}
	return c.text("commit")
}

func version(ctx context.Context, c *conn) (v int, err error) {
	err = patient(ctx, func() error {
		return c.each(ctx, "pragma user_version", nil, func(row []driver.Value) error {
			v = int(asInt(row[0]))
			return nil
		})
	})
	return v, err
}

// upgrade runs within the transaction: another process may have been faster.
func upgrade(ctx context.Context, c *conn, all []migration, want int) error {
	v, err := version(ctx, c)
	if err != nil || v == want {
		return err
	}
	tables := 0
	if err := c.each(ctx, "select count(*) from sqlite_master", nil, func(row []driver.Value) error {
		tables = int(asInt(row[0]))
		return nil
	}); err != nil {
		return err
	}
	if v == 0 && tables > 0 {
		return errors.New("the file is a database of another program; want one made by trawl")
	}
	for _, m := range all {
		if m.version <= v {
			continue
		}
		if err := c.text(m.sql); err != nil {
			return fmt.Errorf("version %d: %w", m.version, err)
		}
	}
	if err := fillStudent(c); err != nil {
		return err
	}
	if err := createViews(ctx, c); err != nil {
		return err
	}
	return c.text(fmt.Sprintf("pragma user_version = %d", want))
}

// studentSteps is the number of intervals of 1/df in t_student. Between two
// of them q is interpolated, with an error below 1e-4.
const studentSteps = 256

func fillStudent(c *conn) error {
	for i := 0; i <= studentSteps; i++ {
		q := rank.StudentQuantile(0.975, studentSteps/float64(i)) // i = 0: infinite, the normal
		if _, err := c.exec("insert or replace into t_student (i, q) values (?, ?)", int64(i), q); err != nil {
			return err
		}
	}
	return nil
}

// createViews makes all views anew.
func createViews(ctx context.Context, c *conn) error {
	var drop []string
	err := c.each(ctx, "select name from sqlite_master where type = 'view'", nil, func(row []driver.Value) error {
		drop = append(drop, "drop view "+quote(asText(row[0])))
		return nil
	})
	if err != nil {
		return err
	}
	public := strings.Replace(mustRead("schema/views.sql"), "/*ranked*/", rankedSQL(""), 1)
	for _, q := range append(drop, public) {
		if err := c.text(q); err != nil {
			return err
		}
	}
	var ids []int64
	err = c.each(ctx, "select id from t_sweeps", nil, func(row []driver.Value) error {
		ids = append(ids, asInt(row[0]))
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := createSweepViews(ctx, c, id); err != nil {
			return err
		}
	}
	return nil
}

// rankedSQL is the query of the ranked points, of those for which cond holds
// ("sweep = 3 and"). Per sweep it is written out, for SQLite carries no
// condition through a window into a view.
func rankedSQL(cond string) string {
	return strings.Replace(mustRead("schema/ranked.sql"), "/*which*/", cond, 1)
}

// backup writes a consistent copy to dst, which is a file that opens anywhere:
// no WAL beside it. A copy of the same name, left by a migration that did not
// commit, is replaced. It is written under a name of its own, since another
// process may do the same, and dropped if that one has migrated meanwhile.
func backup(ctx context.Context, c *conn, dst string, v int) error {
	f, err := os.CreateTemp(filepath.Dir(dst), filepath.Base(dst)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // not there any more once it has its name
	if err := f.Close(); err != nil {
		return err
	}
	if err := patient(ctx, func() error { return c.text("vacuum into " + literal(f.Name())) }); err != nil {
		return err
	}
	copied, err := dial(ctx, dsn(f.Name(), "mode=ro"))
	if err != nil {
		return err
	}
	got, err := version(ctx, copied)
	if err := errors.Join(err, copied.close()); err != nil || got != v {
		return err
	}
	return os.Rename(f.Name(), dst)
}

// missing is the error for a database that is not there. It names the nearest
// one of the same name in a directory above.
func missing(path string) error {
	base := filepath.Base(path)
	for dir := filepath.Dir(filepath.Dir(path)); ; dir = filepath.Dir(dir) {
		near := filepath.Join(dir, base)
		if st, err := os.Stat(near); err == nil && st.Mode().IsRegular() && near != path {
			return fmt.Errorf("%s: %w; the nearest is %s", path, ErrNoDatabase, near)
		}
		if dir == filepath.Dir(dir) {
			return fmt.Errorf("%s: %w", path, ErrNoDatabase)
		}
	}
}
