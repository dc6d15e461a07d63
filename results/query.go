package results

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// maxQueryText is how many bytes of SQL a user may send.
const maxQueryText = 1 << 20

// allowed are the functions that a query may call: all of SQLite's that
// compute. Unknown ones are refused, so that a new SQLite opens no door.
var allowed = strings.Fields(`abs avg bm25 char coalesce concat concat_ws count cume_dist date datetime dense_rank first_value format
glob group_concat hex if ifnull iif instr json json_array json_array_insert json_array_length json_each json_error_position json_extract json_group_array
json_group_object json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set json_tree json_type
json_valid julianday lag last_insert_rowid last_value lead length like likelihood likely lower ltrim max median min nth_value ntile
nullif octet_length percent_rank percentile percentile_cont percentile_disc printf quote random rank replace round row_number
rtrim sign soundex sqlite_version strftime string_agg substr substring subtype sum time timediff total trim typeof unhex unicode
unixepoch unlikely upper zeroblob acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10
log2 mod pi pow power radians sin sinh sqrt tan tanh trunc -> ->> match regexp`)

// tablePragmas may be asked for, as they are read through table functions.
var tablePragmas = []string{"table_info", "table_xinfo", "table_list", "index_list", "index_info", "function_list", "collation_list", "user_version"}

// guard is the authorizer: it allows what reads and denies all else. ATTACH and
// VACUUM INTO, which create files on a read-only connection too, are denied.
func guard(action sqlite.AuthorizerActionCode, arg1, arg2, _, _ string) sqlite.AuthorizerReturnCode {
	ok := false
	switch action {
	case sqlite.AuthSelect, sqlite.AuthRead, sqlite.AuthRecursive:
		ok = true
	case sqlite.AuthFunction:
		ok = slices.Contains(allowed, strings.ToLower(arg2))
	case sqlite.AuthPragma:
		ok = slices.Contains(tablePragmas, strings.ToLower(arg1)) && (arg2 == "" || strings.ToLower(arg1) != "user_version")
	}
	if ok {
		return sqlite.AuthorizerOK
	}
	return sqlite.AuthorizerDeny
}

// Rows are the rows of a query. Next, Scan and Close are used by one goroutine.
type Rows struct {
	Columns []string

	c    *conn
	stmt driver.Stmt
	rows driver.Rows
	row  []driver.Value
	err  error

	shared bool // c is not of these rows alone
}

// Next goes to the next row; false at the end or after an error, which Err tells.
func (r *Rows) Next() bool {
	if r.err != nil {
		return false
	}
	r.err = r.rows.Next(r.row)
	return r.err == nil
}

// Row is the current row: nil, int64, float64, string, []byte or bool each. It
// is valid until the next call of Next.
func (r *Rows) Row() []driver.Value { return r.row }

// Scan copies the current row into dest.
func (r *Rows) Scan(dest ...*any) error {
	if len(dest) != len(r.row) {
		return fmt.Errorf("scan %d columns: want %d", len(dest), len(r.row))
	}
	for i, d := range dest {
		*d = r.row[i]
	}
	return nil
}

// Err is what ended the rows before their end.
func (r *Rows) Err() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	if errors.Is(r.err, context.DeadlineExceeded) {
		return errors.New("query: it ran too long and was ended; want a query that reads less, or sqlite3 on the file")
	}
	return wrap("query", r.err)
}

// Close frees the rows.
func (r *Rows) Close() error {
	if r.c == nil {
		return nil
	}
	err := errors.Join(r.rows.Close(), r.stmt.Close())
	if !r.shared {
		err = errors.Join(err, r.c.close())
	}
	r.c = nil
	return err
}

// Query runs one statement of a user on the database at path. It can read and
// nothing else: the connection is read-only, defensive, and every operation is
// checked against a list as the statement is compiled. ctx bounds its time.
// The error wraps ErrQuery if more than reading was asked for, ErrNoDatabase if
// there is no database.
func Query(ctx context.Context, path, sql string, args ...any) (*Rows, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(abs); err != nil || !st.Mode().IsRegular() {
		return nil, missing(abs)
	}
	return query(ctx, abs, sql, args)
}

// Query is Query of the reader's database.
func (r *Reader) Query(ctx context.Context, sql string, args ...any) (*Rows, error) {
	return query(ctx, r.path, sql, args)
}

func query(ctx context.Context, path, sql string, args []any) (*Rows, error) {
	if err := oneStatement(sql); err != nil {
		return nil, err
	}
	c, err := dialRead(ctx, path, "_pragma=trusted_schema(0)")
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	rows, err := guarded(ctx, c, sql, args)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return rows, nil
}

func guarded(ctx context.Context, c *conn, sql string, args []any) (*Rows, error) {
	if err := c.dc.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(guard); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	stmt, err := c.dc.(driver.ConnPrepareContext).PrepareContext(ctx, sql)
	if err != nil {
		return nil, refusal(err)
	}
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("query: argument %d: %w", i+1, err), stmt.Close())
		}
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, named)
	if err != nil {
		return nil, errors.Join(refusal(err), stmt.Close())
	}
	cols := rows.Columns()
	return &Rows{Columns: cols, c: c, stmt: stmt, rows: rows, row: make([]driver.Value, len(cols))}, nil
}

// refusal tells an error of the guard from a mistake in the SQL.
func refusal(err error) error {
	const auth, readonly = 23, 8
	// A function that the guard denies is a plain error to SQLite.
	if k := code(err); k == auth || k == readonly || strings.Contains(err.Error(), "not authorized to use function") {
		return fmt.Errorf("query: %w: %w", ErrQuery, err)
	}
	return fmt.Errorf("query: %w", err)
}

// oneStatement refuses all but one statement that reads. The guard would, too:
// here the user learns why, and a second statement is not silently dropped.
func oneStatement(sql string) error {
	if len(sql) > maxQueryText {
		return fmt.Errorf("query: %d bytes; want at most %d", len(sql), maxQueryText)
	}
	if strings.ContainsRune(sql, 0) {
		return fmt.Errorf("query: %w: want no NUL byte", ErrQuery)
	}
	words, err := outline(sql)
	if err != nil {
		return err
	}
	words = strings.TrimRight(words, "; \n\t\r\f")
	if words == "" {
		return errors.New("query: empty; want a SELECT")
	}
	if strings.Contains(words, ";") {
		return fmt.Errorf("query: %w: want one statement", ErrQuery)
	}
	first := words
	if i := strings.IndexAny(words, " \n\t\r\f("); i >= 0 {
		first = words[:i]
	}
	switch strings.ToLower(first) {
	case "select", "with", "values", "explain":
		return nil
	}
	return fmt.Errorf("query: %w: %s: want a SELECT, WITH, VALUES or EXPLAIN", ErrQuery, first)
}

// oneExpression refuses what would end the parenthesis that it is put in.
func oneExpression(where string) error {
	words, err := outline(where)
	if err != nil {
		return err
	}
	depth := 0
	for _, r := range words {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ';':
			depth = -1
		}
		if depth < 0 {
			break
		}
	}
	if depth != 0 || strings.TrimSpace(words) == "" {
		return fmt.Errorf("where %q: want one SQL expression, such as 'lr > 1'", where)
	}
	return nil
}

// outline is SQL with quoted text made "q" and without comments, so that what
// is left can be looked at.
func outline(sql string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(sql); {
		rest := sql[i:]
		end, what := 0, ""
		switch c := sql[i]; {
		case c == '\'' || c == '"' || c == '`':
			end, what = strings.IndexByte(rest[1:], c)+2, "quote" // a doubled quote is two texts
			b.WriteByte('q')
		case c == '[':
			end, what = strings.IndexByte(rest, ']')+1, "bracket"
			b.WriteByte('q')
		case strings.HasPrefix(rest, "--"):
			if end = strings.IndexByte(rest, '\n') + 1; end == 0 {
				end = len(rest)
			}
			b.WriteByte(' ')
		case strings.HasPrefix(rest, "/*"):
			if end = strings.Index(rest[2:], "*/") + 4; end == 3 {
				end, what = 0, "comment"
			}
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
			end = 1
		}
		if end == 0 || what == "quote" && end == 1 {
			return "", fmt.Errorf("query: a %s that is not closed at byte %d", what, i+1)
		}
		i += end
	}
	return strings.TrimSpace(b.String()), nil
}
