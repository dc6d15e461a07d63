package sweep

// An Event is something that happened. The journal is the list of all events
// of a sweep; folding it is how a sweep is resumed. Reports are kept beside it,
// in order with it, because there are thousands of them per event.
type Event interface {
	// Kind is the name of the event in the journal.
	Kind() string
	// Subject is the trial it happened to, 0 for the sweep as a whole.
	Subject() TrialID
}

// An Entry is an event in the journal.
type Entry struct {
	Seq   int64 // ascending within a database
	At    int64 // Unix microseconds
	Event Event
}

// SpecSet is the first event of a sweep, and follows whenever the file changed.
type SpecSet struct {
	Revision int    `json:"revision"` // from 1
	Doc      string `json:"doc"`      // the sweep file with its overrides as canonical JSON: Spec.Doc
	Digest   string `json:"digest"`   // of the part that decides what is tried: Spec.Digest
	Dir      string `json:"dir"`      // where `trawl run` was started
	Version  string `json:"version"`  // of trawl
	Why      string `json:"why"`      // "run", "extend", "how", "set"

	// With "extend": what trials of earlier revisions had for parameters that
	// they lack, and the points so far that are not in the new space.
	Was     map[string]Value `json:"was,omitempty"`
	Outside []PointID        `json:"outside,omitempty"`

	// With `from:`, what earlier sweeps found: told to the sampler first.
	Learned []Learned `json:"learned,omitempty"`
}

// Learned is a point of another sweep and how it came out.
type Learned struct {
	Params string    `json:"params"` // JSON of its values, by the names of the present space
	State  State     `json:"state"`
	Values []float64 `json:"values,omitempty"` // finite means, one per objective; none: it has no value
}

// Proposed is a new trial, queued.
type Proposed struct {
	Trial    TrialID `json:"trial"`
	Proposal int64   `json:"proposal"`
	PointID  PointID `json:"point"`
	Key      string  `json:"key"`    // canonical JSON of the point: Space.Key
	Params   string  `json:"params"` // JSON of all values of the trial, the repeat parameter included: Space.JSON
	Repeat   int     `json:"repeat"`
	Planned  int     `json:"planned"` // repeats planned for the point
	Seed     int64   `json:"seed"`
	Revision int     `json:"revision"`
	Note     string  `json:"note,omitempty"`
	Point    Point   `json:"-"` // Params read with the space of the revision
}

// Started is the intent to start an attempt; it is written before the start.
type Started struct {
	Trial   TrialID `json:"trial"`
	Attempt int     `json:"attempt"`
	Token   string  `json:"token"` // random; names this attempt among all that ever were
	Boot    string  `json:"boot"`  // boot id of the machine
	Host    string  `json:"host"`
	Dir     string  `json:"dir"` // of the trial
	Argv    string  `json:"argv,omitempty"`
	Slot    int     `json:"slot"`
	Resumed bool    `json:"resumed,omitempty"` // there was a checkpoint: the command had its resume_args

	GPUs  []string `json:"gpus,omitempty"`  // UUIDs of those that it got
	Share float64  `json:"share,omitempty"` // of all of them together: half of one is 0.5

	Group string `json:"group,omitempty"` // of the attempts that shared a place, the name of the first; "": by itself
}

// Stopping is the intent to end a running trial.
type Stopping struct {
	Trial   TrialID `json:"trial"`
	Attempt int     `json:"attempt"`
	Why     Stop    `json:"why"`
	Reason  string  `json:"reason"`
	Inputs  string  `json:"inputs,omitempty"` // JSON of what the decision was made from
	Tick    int64   `json:"tick,omitempty"`   // after all reports with a tick up to it
}

// Requeue says why an ended attempt does not end its trial.
type Requeue string

// The ways back to the queue.
const (
	RequeueNone      Requeue = ""
	RequeueRetry     Requeue = "retry"     // counted against `retries`
	RequeueCrash     Requeue = "crash"     // the supervisor is gone, or the machine was
	RequeueInterrupt Requeue = "interrupt" // the sweep was stopped
)

// Ended is the end of an attempt: of its trial when State is final.
type Ended struct {
	Trial         TrialID `json:"trial"`
	Attempt       int     `json:"attempt"` // 0: it never ran
	State         State   `json:"state"`
	Class         Class   `json:"class,omitempty"`
	Requeue       Requeue `json:"requeue,omitempty"`
	Reason        string  `json:"reason,omitempty"`
	HasObjective  bool    `json:"has_objective,omitempty"`
	Objective     float64 `json:"-"` // may be NaN; journalled as Value
	ObjectiveStep int64   `json:"step,omitempty"`
	Exit          Exit    `json:"exit"`
	// Others are the further objectives of a sweep with `metrics:`, in order.
	Others []float64 `json:"-"`
	// Tick orders the end among the reports of a sweep that ends trials early:
	// after all with a tick up to it. 0: nobody looks at reports.
	Tick int64 `json:"tick,omitempty"`
}

// Requeued sends an ended trial back to the queue: `trawl retry`. It repeats
// what the trial was, since ended trials are not kept in memory.
type Requeued struct {
	Trial    TrialID `json:"trial"`
	Reason   string  `json:"reason"`
	Was      State   `json:"was"`     // the state that it had ended in
	Attempt  int     `json:"attempt"` // attempts so far
	Proposal int64   `json:"proposal"`
	PointID  PointID `json:"point"`
	Params   string  `json:"params"`
	Repeat   int     `json:"repeat"`
	Seed     int64   `json:"seed"`
	Revision int     `json:"revision"`
	Note     string  `json:"note,omitempty"`
	Point    Point   `json:"-"` // Params read with the space
}

// Ended returns the ended trial that e sends back.
func (e *Requeued) Ended() Trial {
	return Trial{ID: e.Trial, Proposal: e.Proposal, PointID: e.PointID, Point: e.Point, Repeat: e.Repeat,
		Seed: e.Seed, Revision: e.Revision, State: e.Was, Attempt: e.Attempt, Note: e.Note}
}

// Note is an event of the sweep that changes no trial: a pause, a drain, a lost
// piece of output, the fuse, the end.
type Note struct {
	What  string  `json:"what"` // began, ended, paused, continued, drained, fuse, output_lost, low_disk, set …
	Trial TrialID `json:"trial,omitempty"`
	Point PointID `json:"point,omitempty"` // dropped: the point that gets no further repeats
	Text  string  `json:"text,omitempty"`
	State string  `json:"state,omitempty"` // state of the sweep after it, if it changes
}

// The names of the events in the journal.
func (*SpecSet) Kind() string  { return "spec" }
func (*Proposed) Kind() string { return "proposed" }
func (*Started) Kind() string  { return "started" }
func (*Stopping) Kind() string { return "stopping" }
func (*Ended) Kind() string    { return "ended" }
func (*Requeued) Kind() string { return "requeued" }
func (*Note) Kind() string     { return "note" }

// The subjects of the events.
func (*SpecSet) Subject() TrialID    { return 0 }
func (e *Proposed) Subject() TrialID { return e.Trial }
func (e *Started) Subject() TrialID  { return e.Trial }
func (e *Stopping) Subject() TrialID { return e.Trial }
func (e *Ended) Subject() TrialID    { return e.Trial }
func (e *Requeued) Subject() TrialID { return e.Trial }
func (e *Note) Subject() TrialID     { return e.Trial }

// A Post is what belongs in one transaction.
type Post struct {
	Events  []Event
	Trial   TrialID // of Reports
	Attempt int
	Reports []Report
	Mark    string
	Tick    int64 // of Reports: their order among all reports and decisions; 0: no decision depends on them
}

// A Ticked is a stored report with its place in the order in which pruners saw
// them: by Tick, then by step and name.
type Ticked struct {
	Tick    int64
	Trial   TrialID
	Attempt int
	Report
}

// An Ack says that a Post is safe from power loss.
type Ack struct {
	Post Post
	Err  error
}
