package sweep

import "fmt"

// TrialID numbers the trials of a sweep from 1 in the order proposed.
type TrialID int64

// PointID numbers the points of a sweep from 1 in the order first proposed.
type PointID int64

// State is where a trial stands.
//
//	           Started            Ended
//	queued ────────────→ running ──────→ finished pruned failed diverged killed
//	  ↑ │                  │  ↑ ↓ Ended{Requeue}, a crash, an interruption
//	  │ └──── Ended{killed}┘  │
//	  └───────────────────────┘
//
// An outcome that is known without a run ends a queued trial at attempt 0.
type State string

// The states. Paused is a trial that keeps its place and its checkpoint while a
// pruner lets others catch up.
const (
	Queued   State = "queued"
	Running  State = "running"
	Paused   State = "paused"
	Finished State = "finished"
	Pruned   State = "pruned"
	Failed   State = "failed"
	Diverged State = "diverged"
	Killed   State = "killed"
)

// Settled reports whether the state is final.
func (s State) Settled() bool {
	switch s {
	case Finished, Pruned, Failed, Diverged, Killed:
		return true
	}
	return false
}

// Class says how a trial failed.
type Class string

// The classes of failure.
const (
	ClassExit        Class = "exit"         // non-zero exit status
	ClassSignal      Class = "signal"       // ended by a signal not of ours
	ClassTimeout     Class = "timeout"      // ran longer than `timeout`
	ClassStalled     Class = "stalled"      // silent for longer than `stall_timeout`
	ClassOOM         Class = "oom"          // out of memory, host or GPU
	ClassNoObjective Class = "no_objective" // exit 0 without the metric
	ClassLost        Class = "lost"         // took its supervisor down with it too often
	ClassStart       Class = "start"        // could not be started
)

// Stop says why trawl ends a running trial.
type Stop string

// The reasons to end a running trial.
const (
	StopNone      Stop = ""
	StopPrune     Stop = "prune"     // → pruned
	StopDiverge   Stop = "diverge"   // → diverged
	StopKill      Stop = "kill"      // the user stopped this trial → killed
	StopInterrupt Stop = "interrupt" // the sweep is being stopped → queued again
	StopTimeout   Stop = "timeout"   // → failed (timeout), set by the backend
	StopStall     Stop = "stall"     // → failed (stalled), set by the backend
)

// An Exit is how a process (or an in-process trial) came to its end.
type Exit struct {
	Code       int     // exit status; -1 if there is none
	Signal     int     // signal number, 0 if none
	Cause      Stop    // what the backend itself was doing: timeout, stall, or the Stop it was asked for
	Class      Class   // ClassStart, ClassOOM, ClassLost where the backend knows; else ""
	Message    string  // one line for people: "exec: no such file: ./train"
	StartedAt  int64   // Unix microseconds
	EndedAt    int64   // Unix microseconds
	CPUSeconds float64 // user and system time of the whole tree; of a group, its share
	MaxRSSMB   float64 // peak resident memory, MiB: of the largest process, and of the tree where a limit had it watched
	GPUSeconds float64 `json:",omitempty"` // GPUs (or the share of one) × seconds of the attempt
	GPUMemMB   float64 `json:",omitempty"` // peak of GPU memory seen in use, MiB; 0: not known
}

// Value is the exit status as a number that the program chose, for
// `report.exit_value`. There is none where something else ended it or it never
// ran: a signal, a limit, a stop, and the statuses 126 and 127 with which a
// shell says that it could not run a command.
func (x Exit) Value() (v float64, ok bool) {
	ok = x.Code >= 0 && x.Code != 126 && x.Code != 127 && x.Signal == 0 && x.Cause == StopNone && x.Class == ""
	return float64(x.Code), ok
}

// A Trial is one execution of a point to its end. It holds what decisions need;
// its metrics are in Series and in the database.
type Trial struct {
	ID       TrialID
	Proposal int64 // index of the sampler's proposal; -1 for `points:` and `trawl add`
	PointID  PointID
	Point    Point
	Repeat   int   // 1 … planned
	Seed     int64 // $TRAWL_SEED
	Revision int
	State    State
	Class    Class
	Attempt  int    // number of starts so far
	Token    string // of the running attempt
	Failures int    // attempts that failed and were retried
	Crashes  int    // attempts lost with their supervisor
	Stopping Stop   // why it is being ended, while running
	Reason   string
	Value    float64 // objective; meaningful when HasValue
	HasValue bool
	Note     string // Proposal.Note
}

// Apply returns the trial after e, or an error if e cannot happen to it now. It
// is pure and total: the same fold serves live, on resume and in tests. Events
// of other trials, and of the sweep as a whole, are an error.
func (t Trial) Apply(e Event) (Trial, error) {
	no := func(why string) (Trial, error) {
		return t, fmt.Errorf("trial %d: %s while %s: %s", t.ID, e.Kind(), orNew(t.State), why)
	}
	switch e := e.(type) {
	case *Proposed:
		if t.State != "" {
			return no("it exists")
		}
		return Trial{ID: e.Trial, Proposal: e.Proposal, PointID: e.PointID, Point: e.Point,
			Repeat: e.Repeat, Seed: e.Seed, Revision: e.Revision, Note: e.Note, State: Queued}, nil
	case *Started:
		if t.State != Queued && t.State != Paused {
			return no("want queued")
		}
		if e.Attempt != t.Attempt+1 {
			return no(fmt.Sprintf("attempt %d; want %d", e.Attempt, t.Attempt+1))
		}
		t.State, t.Attempt, t.Token, t.Stopping, t.Reason, t.Class = Running, e.Attempt, e.Token, StopNone, "", ""
		return t, nil
	case *Stopping:
		if t.State != Running {
			return no("want running")
		}
		if t.Stopping != StopKill { // the user's word is final
			t.Stopping, t.Reason = e.Why, e.Reason
		}
		return t, nil
	case *Ended:
		return t.end(e, no)
	case *Requeued:
		if !t.State.Settled() {
			return no("want an ended trial")
		}
		t.State, t.Class, t.Reason, t.HasValue, t.Failures, t.Crashes = Queued, "", e.Reason, false, 0, 0
		return t, nil
	}
	return no("not an event of a trial")
}

func (t Trial) end(e *Ended, no func(string) (Trial, error)) (Trial, error) {
	switch {
	case t.State == Queued && (e.State == Killed || e.Attempt == 0 && e.State.Settled()):
		// killed before it ran, or settled by an outcome that is known: an earlier
		// one of the point (duplicates: reuse), or one that was imported
	case t.State != Running:
		return no("want running")
	case e.Attempt != t.Attempt:
		return no(fmt.Sprintf("attempt %d; want %d", e.Attempt, t.Attempt))
	}
	if !e.State.Settled() && e.State != Queued && e.State != Paused {
		return no(fmt.Sprintf("state %q; want an ended one, queued or paused", e.State))
	}
	t.State, t.Class, t.Reason, t.Stopping, t.Token = e.State, e.Class, e.Reason, StopNone, ""
	t.Value, t.HasValue = e.Objective, e.HasObjective
	if e.State == Queued {
		switch e.Requeue {
		case RequeueRetry:
			t.Failures++
		case RequeueCrash:
			t.Crashes++
		}
	}
	return t, nil
}

func orNew(s State) State {
	if s == "" {
		return "new"
	}
	return s
}
