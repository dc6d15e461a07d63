package results

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A conn is a connection of the driver without database/sql around it, which
// costs as much as a small statement does. It is used by one goroutine at a
// time and keeps its prepared statements.
type conn struct {
	dc    driver.Conn
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
}

// keptStatements bounds the cache: the text of some statements depends on
// which metrics a trial reports.
const keptStatements = 400

// dsn names the file of an absolute path for the driver.
func dsn(path string, params ...string) string {
	u := url.URL{Scheme: "file", Path: path, RawQuery: strings.Join(params, "&")}
	return u.String()
}

func dial(ctx context.Context, name string) (*conn, error) {
	connector, err := sqlite.NewConnector(name)
	if err != nil {
		return nil, err
	}
	dc, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{dc: dc, stmts: map[string]driver.Stmt{}}, nil
}

func (c *conn) close() error {
	c.forget()
	return c.dc.Close()
}

// forget closes the prepared statements.
func (c *conn) forget() {
	for _, s := range c.stmts {
		s.Close()
	}
	clear(c.stmts)
}

func (c *conn) prepare(q string) (driver.Stmt, error) {
	if s := c.stmts[q]; s != nil {
		return s, nil
	}
	if len(c.stmts) >= keptStatements {
		c.forget()
	}
	s, err := c.dc.Prepare(q)
	if err != nil {
		return nil, err
	}
	c.stmts[q] = s
	return s, nil
}

func (c *conn) named(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

// exec runs a statement that is kept prepared.
func (c *conn) exec(q string, args ...driver.Value) (driver.Result, error) {
	s, err := c.prepare(q)
	if err != nil {
		return nil, err
	}
	return s.(driver.StmtExecContext).ExecContext(context.Background(), c.named(args))
}

// text runs SQL as text, which may be several statements: schema changes, and
// pragmas, which misfire when they are prepared.
func (c *conn) text(q string) error {
	_, err := c.dc.(driver.ExecerContext).ExecContext(context.Background(), q, nil)
	return err
}

// each calls fn for every row; the slice is valid during the call. The
// statement is not kept, so that fn may run others.
func (c *conn) each(ctx context.Context, q string, args []driver.Value, fn func(row []driver.Value) error) error {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	rows, err := c.dc.(driver.QueryerContext).QueryContext(ctx, q, named)
	if err != nil {
		return err
	}
	return drain(rows, fn)
}

// row reads the only row of a statement that is kept prepared; ok is false
// without one.
func (c *conn) row(q string, args ...driver.Value) (row []driver.Value, ok bool, err error) {
	s, err := c.prepare(q)
	if err != nil {
		return nil, false, err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), c.named(args))
	if err != nil {
		return nil, false, err
	}
	err = drain(rows, func(r []driver.Value) error {
		if !ok {
			row, ok = append(row, r...), true
		}
		return nil
	})
	return row, ok, err
}

// drain reads rows to their end and closes them.
func drain(rows driver.Rows, fn func(row []driver.Value) error) error {
	row := make([]driver.Value, len(rows.Columns()))
	for {
		err := rows.Next(row)
		if errors.Is(err, io.EOF) {
			return rows.Close()
		}
		if err == nil {
			err = fn(row)
		}
		if err != nil {
			rows.Close()
			return err
		}
	}
}

// int reads one integer, 0 where it is null or there is no row.
func (c *conn) int(q string, args ...driver.Value) (int64, error) {
	row, _, err := c.row(q, args...)
	if err != nil || len(row) == 0 {
		return 0, err
	}
	return asInt(row[0]), nil
}

// code is the primary result code of SQLite in err, 0 if there is none.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// busy reports whether err says that another connection holds a lock.
func busy(err error) bool {
	k := code(err)
	return k == sqlite3.SQLITE_BUSY || k == sqlite3.SQLITE_LOCKED
}

// broken reports whether err says that the file cannot be written any more.
func broken(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM:
		return true
	}
	return false
}

// The values that the driver returns, as Go wants them; null is zero.

func asInt(v driver.Value) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	case bool:
		if v {
			return 1
		}
	}
	return 0
}

func asFloat(v driver.Value) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

func asText(v driver.Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

func asIntPtr(v driver.Value) *int64 {
	if v == nil {
		return nil
	}
	return new(asInt(v))
}

func asFloatPtr(v driver.Value) *float64 {
	if v == nil {
		return nil
	}
	return new(asFloat(v))
}

// quote makes an identifier of any name.
func quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// literal makes a text literal.
func literal(s string) string {
	return `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
}
