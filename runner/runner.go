// Package runner holds the contracts of execution: what a backend does with a
// job, what a journal promises, and the clock.
//
//	loop ── Start, Stop, Recover ──→ Backend ── Update ──→ loop
//	loop ── Record, Post ──────────→ Journal ── Ack ─────→ loop
//
// The loop owns the trials. A backend runs jobs and knows nothing of sweeps; a
// journal stores events and decides nothing.
package runner

import (
	"context"
	"errors"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Job is one attempt of one trial, ready to run.
type Job struct {
	Name    string // "t0007.2": trial and attempt; unique in the sweep, the key by which it is found again
	Trial   sweep.TrialID
	Attempt int
	Token   string // random; a record without it is of another attempt and never taken
	Boot    string // boot id under which it was started (Recover); "" = this one

	Argv      []string           // argv[0] is looked up on PATH of Env; empty for in-process backends
	Dir       string             // working directory, absolute
	Env       []string           // the complete environment, "K=V"
	TrialDir  string             // absolute; the backend creates it, with checkpoint/ inside
	Link      []string           // absolute paths to link into TrialDir before the start (workdir: trial)
	Files     []sweep.ReportFile // where the attempt leaves metrics, besides event files in TrialDir; absolute paths
	Resumed   bool               // the attempt goes on from a checkpoint; journalled with its start
	ExitValue string             // the metric that the exit status is (sweep.Exit.Value); "": none
	Params    []byte             // JSON object, written to TrialDir/params.json ($TRAWL_PARAMS)

	Values map[string]sweep.Value // for in-process backends: all values, by flat name
	Seed   int64

	// Group, if it is not "", is one of Members jobs that share a place: the
	// backend begins once it was started with all of them, one after the other.
	// Each ends by itself.
	Group   string
	Members int

	Timeout      time.Duration // 0: none; of this attempt
	StallTimeout time.Duration // 0: none; silence on the output, the metrics file, Files and TrialDir's event files
	Signal       int           // to ask it to stop; 0 = SIGTERM
	Grace        time.Duration // from Signal to SIGKILL
	LogLimit     int64         // bytes of output kept; 0 = 64 MiB
	Memory       int64         // bytes of resident memory of its whole tree; 0: no limit
	Grant        *Grant        // the backend's from Start on: it releases it after the end
	Waits        bool          // there may be no slot yet: it starts when one frees (Config.Ahead of runner/loop)

	// Mark is where the output had been read to, as the last Update said and
	// the journal stored; "" from the start. For Recover.
	Mark string
}

// Capacity is what a backend can run.
type Capacity struct {
	Slots int    // trials at a time
	Why   string // "2 at a time: 2 cores × 1"
}

// An Update is news of a job. Updates of one job come in order; the last has
// Exit set. Reports and Mark belong together: they are stored in one
// transaction, so that each report is recorded once. With Exit there need be no
// Mark, for the end is stored in the same transaction.
type Update struct {
	Name    string
	Reports []sweep.Report
	Mark    string
	Note    *sweep.Note // something that deserves a word: output lost unread
	Tail    []string    // with Exit: up to 20 last lines of output, for the fuse and for people
	Exit    *sweep.Exit
}

// A Backend runs jobs. It is used by one goroutine, the loop; Updates is read
// by the same. runnertest states its laws.
//
//   - A job that was started ends with exactly one Exit, over all processes
//     that ever call Start or Recover for its name and token.
//   - After its Exit nothing of the job is alive.
//   - Killing the process that holds the Backend loses no Exit: Recover in a
//     later process finds it. (An in-process backend answers ErrGone instead.)
//   - Start of a running name and token is an error; the loop writes its intent
//     first, so a job that Recover does not know was never started.
type Backend interface {
	// Start runs a job. It returns before the job ends and, where the backend
	// can, before its process exists: a start that fails is an Exit with
	// ClassStart, not an error. An error means that the backend is unusable.
	Start(ctx context.Context, job Job) error
	// Stop asks a running job to end: the job's signal, after its grace
	// SIGKILL to everything that it started; at once if hard. The Exit that
	// follows has Cause = why, unless the job ended by itself before.
	Stop(name string, why sweep.Stop, hard bool)
	// Recover finds a job that an earlier process started. It returns nil if
	// the job is alive and re-attached or has left its Exit: updates follow.
	// ErrGone: there is no trace of it, or its supervisor died; nothing of it
	// is alive when Recover returns.
	Recover(ctx context.Context, job Job) error
	// Settled says that the journal holds the job's Exit safely: the backend
	// may forget what it kept of it.
	Settled(name string)
	// Updates is closed after Close, when nothing more comes.
	Updates() <-chan Update
	// Close lets go of everything. Jobs that run go on without it where the
	// backend can; call Stop first where they should not.
	Close() error
}

// ErrGone says that a backend has no trace of a job.
var ErrGone = errors.New("no trace of the job")

// A Journal stores what happens to one sweep. It is used by the loop's
// goroutine; Acks is read by the same.
type Journal interface {
	// Record writes events so that a kill of trawl cannot lose them, then
	// returns. After a power cut they may be gone, the last ones first: an
	// intent that never was. What Post queued before is not overtaken for the
	// same trial.
	Record(ctx context.Context, events ...sweep.Event) error
	// Post queues p for the next group commit, which is synced to the disk;
	// its Ack follows. It never blocks for long; while the database is locked
	// by others it keeps what comes.
	Post(p sweep.Post)
	// Acks tells what was synced, in order. An Ack with Err is the end: the
	// database cannot be written (a full disk), and nothing after it was.
	Acks() <-chan sweep.Ack
	// Flush returns when all that was posted is synced.
	Flush(ctx context.Context) error
}

// A Clock is time, real or simulated.
type Clock interface {
	Now() time.Time
	// After is like time.After; the returned stop frees it.
	After(d time.Duration) (c <-chan time.Time, stop func())
}
