package sweep

import "time"

// A Spec is what a sweep file says, resolved: names known, defaults filled in
// where they do not depend on the machine.
type Spec struct {
	Doc    string // the file with its overrides as canonical JSON; loading it gives the Spec again
	Digest string // SHA-256 of the part that decides what is tried

	Name        string
	Description string
	Program     string
	Command     []string // argv template; nil: W&B's default
	Shell       string   // shell template instead of Command
	Dashes      bool     // turn _ into - in argument names
	Trainer     map[string]Value

	Method  string           // as the file says: "bayes" stays
	Sampler string           // the sampler that stands for it: "auto" for "bayes"
	Options map[string]Value // further keys of the method: order
	Seed    int64

	Objectives []Objective // none: nothing ranks
	Space      *Space
	Points     []map[string]Value // tried first; missing values are drawn
	From       []string           // sweeps to learn from: NAME, FILE.db, FILE.db/NAME
	Repeats    Repeats
	Duplicates string // skip, allow or reuse

	EarlyTerminate *EarlyTerminate
	StopIf         Expr

	RunCap    int // trials; 0: no limit
	Budget    Budget
	Parallel  int  // 0: auto
	Unfused   bool // no two trials of the trainer share a pass over the data
	Resources Resources

	Timeout      time.Duration // 0: none
	StallTimeout time.Duration // 0: none
	Retries      Retries
	Stop         StopRule
	ResumeArgs   []string
	Env          []EnvVar // in the order of the file
	Workdir      string   // "": where run was started; "trial": each in its own
	Link         []string // linked into the trial's directory with workdir: trial

	Patterns  []string            // report.patterns
	Files     []ReportFile        // report.tensorboard, csv, json and trainer_state; paths are templates
	ExitValue string              // report.exit_value: the metric that the exit status is; "": none
	Keep      int                 // keep.checkpoints; 0: all
	LogLimit  int64               // bytes of output kept per trial
	MinFree   int64               // bytes of disk below which nothing new starts
	WandB     string              // wandb: auto, shim, off
	Hooks     map[string][]string // event (new_best, trial_failed, done) → argv
	Executor  string              // local, slurm
	Unbuilt   []string            // keys of the file whose part this version does not run, with their place
}

// A ReportFile says where a trial leaves metrics in files.
type ReportFile struct {
	Kind FileKind
	Path string
}

// A FileKind is a format of files with metrics.
type FileKind string

const (
	TensorBoard  FileKind = "tensorboard"   // the folder of event files
	CSVFile      FileKind = "csv"           // a file, or a pattern of filepath.Match
	JSONFile     FileKind = "json"          // the same
	TrainerState FileKind = "trainer_state" // the output_dir of Hugging Face's Trainer, or a trainer_state.json
)

// An EnvVar is one variable of `env:`.
type EnvVar struct{ Name, Value string }

// Repeats says which seeds each point runs with.
type Repeats struct {
	Parameter string  // the name under which the trial gets the seed; "": only $TRAWL_SEED
	Seeds     []int64 // one per repeat; empty: one run with the sweep's seed
	Race      bool
}

// N is the number of runs per point, at least 1.
func (r Repeats) N() int { return max(1, len(r.Seeds)) }

// EarlyTerminate is the pruner that the file asks for.
type EarlyTerminate struct {
	Type    string
	Options map[string]Value
}

// A Budget ends a sweep. Zero fields do not.
type Budget struct {
	Wall        time.Duration
	TrialHours  float64
	Failures    int  // failed trials
	FailuresOff bool // `failures: off`: no fuse either
}

// Resources are what one trial needs.
type Resources struct {
	CPUs      float64 // 0: not given
	GPUs      float64
	GPUsSet   bool // gpus was given, be it 0
	Memory    int64
	GPUMemory int64
}

// Retries says which failures are tried again.
type Retries struct {
	Max int
	On  []Class // empty: every class
	OOM *Resources
}

// A StopRule is how a trial is asked to end.
type StopRule struct {
	Signal string        // "SIGTERM"
	Grace  time.Duration // until SIGKILL
}
