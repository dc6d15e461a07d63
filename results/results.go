// Package results is the only writer of the SQLite file: the journal of a
// sweep, the tables that follow from it, the public views, and all reads.
//
//	Record, Post → Store ─→ queue ─→ owner of the connection ─→ one transaction:
//	                                  journal, trials, points, metrics, wide rows
//	Ack          ← Store ←─ pump  ←─────────────┘ after the sync
//	Sweeps, Trials, Leaderboard, Query ← Reader: connections that cannot write
//
// What is acknowledged was synced to the disk (synchronous = FULL, in groups);
// intents are only written (NORMAL): a kill of the process loses neither, a
// power cut may lose intents. The journal and the tables change in the same
// transaction, and the tables can be rebuilt from journal and metrics: Verify
// compares them.
//
// One goroutine owns the connection that writes; several stores may share it,
// and several processes the file. The tables behind the views are named t_…
// and may change with a migration; the views are public, see schema/views.sql.
// No table is declared STRICT, for SQLite before 3.37 cannot open a file that
// has one, and the file is to be read by 3.31; types are checked by
// constraints instead.
package results

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Options say how a database is opened for writing.
type Options struct {
	// Create makes the file if there is none.
	Create bool
	// Now stamps the journal. It is required: only commands read the clock.
	Now func() time.Time
	// GroupDelay is how long the first of a group of posts waits for others
	// before they are synced together; 0 is 5 ms, negative not at all.
	GroupDelay time.Duration

	exclusive bool // as on a network file system
	migration []migration
}

const (
	defaultGroupDelay = 5 * time.Millisecond
	groupPosts        = 512    // as many waiting posts are synced at once
	groupReports      = 20_000 // as many waiting reports too
)

// Errors that callers branch on.
var (
	// ErrNoDatabase says that there is no trawl database where one was to be read.
	ErrNoDatabase = errors.New("no trawl database")
	// ErrNoSweep says that the database has no sweep of that name.
	ErrNoSweep = errors.New("no such sweep")
	// ErrNoTrial says that the sweep has no trial of that number.
	ErrNoTrial = errors.New("no such trial")
	// ErrClosed says that the database or store was closed.
	ErrClosed = errors.New("the database is closed")
	// ErrQuery says that a query asks for more than reading.
	ErrQuery = errors.New("only reading is allowed")
)

// OwnedError says that another process runs the sweep.
type OwnedError struct {
	Sweep string
	Owner string // "pid 123 on host since TIME"
}

func (e *OwnedError) Error() string {
	return fmt.Sprintf("sweep %s is run by another trawl: %s", e.Sweep, e.Owner)
}

// A DB is a database opened for writing. It is safe for concurrent use.
type DB struct {
	path   string
	opts   Options
	w      *writer
	reader *Reader
	notice string
}

// Path is the file's absolute path.
func (db *DB) Path() string { return db.path }

// Notice is one line for the user about how the database had to be opened, or "".
func (db *DB) Notice() string { return db.notice }

// Reader returns the reads of the same file. It is closed with the DB.
func (db *DB) Reader() *Reader { return db.reader }

// Close writes what is queued, waits for it, and closes the file. Stores that
// were claimed should be closed before.
func (db *DB) Close() error {
	// The connection that writes is the last one, for the last one to close
	// moves the log into the file, and readers cannot.
	err := db.reader.Close()
	return errors.Join(err, db.w.close())
}

// do runs fn on the goroutine that owns the connection, in a transaction. It
// waits for the write lock until ctx is done.
func (db *DB) do(ctx context.Context, fn func(c *conn) error) error {
	return db.w.submit(ctx, &op{kind: opDo, fn: fn})
}
