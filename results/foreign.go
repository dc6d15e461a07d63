package results

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNotSQLite says that a file is no SQLite database.
var ErrNotSQLite = errors.New("not an SQLite database")

// A Foreign is a SQLite database of another program, as it was when it was
// opened. It can be read and nothing else, under the guard of Query. It is used
// by one goroutine.
type Foreign struct{ c *conn }

// OpenForeign opens the database at path. The error wraps ErrNotSQLite if the
// file is none, and os.ErrNotExist if there is no file.
func OpenForeign(ctx context.Context, path string) (*Foreign, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(abs)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: it is no regular file", path, ErrNotSQLite)
	}
	c, err := dialRead(ctx, abs, "_pragma=trusted_schema(0)")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// The first read within the transaction fixes what all later ones see.
	err = c.text("begin")
	if err == nil {
		err = c.each(ctx, "select count(*) from sqlite_master", nil, func([]driver.Value) error { return nil })
	}
	if err == nil {
		err = c.dc.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(guard)
	}
	switch {
	case err == nil:
		return &Foreign{c: c}, nil
	case code(err) == sqlite3.SQLITE_NOTADB:
		err = ErrNotSQLite
	}
	return nil, errors.Join(fmt.Errorf("%s: %w", path, err), c.close())
}

// Query runs one statement that reads.
func (f *Foreign) Query(ctx context.Context, sql string, args ...any) (*Rows, error) {
	if err := oneStatement(sql); err != nil {
		return nil, err
	}
	rows, err := guarded(ctx, f.c, sql, args)
	if err != nil {
		return nil, err
	}
	rows.shared = true
	return rows, nil
}

// Close ends the reading.
func (f *Foreign) Close() error { return f.c.close() }

// A Filler inserts rows into a database of another program's form.
type Filler struct {
	c     *conn
	ctx   context.Context
	bulks map[string]*bulk
	held  map[string][]driver.Value
	order []string // of the tables, as they were named first
}

// heldRows is how many values of a table are gathered before they are inserted.
const heldRows = 2048

// Insert adds a row to a table: one value per column, in the table's order, as
// the driver takes them (nil, int64, float64, string, []byte, bool). Rows are
// gathered, so that an error may come with a later row.
func (f *Filler) Insert(table string, values ...driver.Value) error {
	b := f.bulks[table]
	if b == nil {
		b = newBulk("insert into "+quote(table)+" values ", len(values), "")
		f.bulks[table] = b
		f.order = append(f.order, table)
	}
	f.held[table] = append(f.held[table], values...)
	if len(f.held[table]) < heldRows {
		return nil
	}
	return f.flush(table)
}

// flush inserts what is held of a table.
func (f *Filler) flush(table string) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	_, err := f.bulks[table].exec(f.c, f.held[table])
	f.held[table] = f.held[table][:0]
	return wrap("insert into "+table, err)
}

// CreateForeign makes a database of another program's form: schema is SQL text,
// fill inserts the rows. The file appears under its name when it is complete;
// the error wraps os.ErrExist if there is one already.
func CreateForeign(ctx context.Context, path, schema string, fill func(*Filler) error) error {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s: %w", path, os.ErrExist)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(abs), "."+filepath.Base(abs)+".*")
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("%s: %w", path, e.Err) // without the name of the moment
	}
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // not there any more once it has its name
	if err := tmp.Close(); err != nil {
		return err
	}
	c, err := dial(ctx, dsn(tmp.Name()))
	if err != nil {
		return err
	}
	if err := errors.Join(fillForeign(ctx, c, schema, fill), c.close()); err != nil {
		return err
	}
	if err := os.Chmod(tmp.Name(), 0o644); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), abs); err != nil { // unlike a rename, it replaces nothing
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s: %w", path, os.ErrExist)
		}
		return os.Rename(tmp.Name(), abs) // a file system without links
	}
	return nil
}

// fillForeign makes the tables and their rows in one transaction. The file has
// no name yet, so that nothing needs to survive a crash.
func fillForeign(ctx context.Context, c *conn, schema string, fill func(*Filler) error) error {
	if err := c.text(strings.Join([]string{"pragma journal_mode = memory", "begin", schema}, ";\n")); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	f := &Filler{c: c, ctx: ctx, bulks: map[string]*bulk{}, held: map[string][]driver.Value{}}
	if err := fill(f); err != nil {
		return err
	}
	for _, table := range f.order {
		if err := f.flush(table); err != nil {
			return err
		}
	}
	return c.text("commit")
}
