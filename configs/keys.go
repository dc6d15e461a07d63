package configs

import (
	"strings"

	"github.com/trawl-sweep/trawl/runner/metric"
)

// A part says what a change of a key means for a sweep that is under way.
type part uint8

const (
	names   part = iota // neither: it says which sweep, or is not trawl's
	how                 // taken, and journalled
	decides             // what is tried: a new revision or a new sweep
)

// A shape is the set of forms that a value may take.
type shape uint16

const (
	text shape = 1 << iota
	integer
	number
	boolean
	duration // "2h", "1h30m", or a number of seconds
	size     // "4GiB", or a number of bytes
	listOf   // of items like item
	mapOf    // the keys of keys
	open     // any keys, with items like item
	anything
)

// A key is a key of the sweep file. The tables below are all that the loader,
// its suggestions, the comparison of two files and the JSON Schema know of the
// names and shapes of keys.
type key struct {
	name    string
	shape   shape
	part    part // of top-level keys
	doc     string
	keys    []key    // of mapOf
	item    *key     // of listOf and open
	words   []string // the texts allowed; nil: any
	least   *float64 // numbers: at least this
	above   *float64 // numbers: more than this
	lenient bool     // an unknown key is a warning unless it looks like a known one: maps that W&B has, too
	strict  bool     // a number in quotes is an error, as in W&B, not a warning
	implied string   // canonical JSON of what the file is without the key
	unbuilt []string // values whose part this version does not run; always for any
}

var always = []string{"*"}

func bound(x float64) *float64 { return &x }

var word = &key{shape: text}

var metricKeys = []key{
	{name: "name", shape: text, doc: "name of the metric, as the trial reports it"},
	{name: "goal", shape: text, words: []string{"minimize", "maximize"}, doc: "direction; default minimize"},
	{name: "reduce", shape: text, doc: "how its reports become the objective: last (default), min, max, best, mean:K"},
	{name: "target", shape: number, doc: "the sweep ends when a trial reaches it"},
	{name: "impute", shape: anything, doc: "W&B's; not used"},
	{name: "impute_while_running", shape: anything, doc: "W&B's; not used"},
}

var resourceKeys = []key{
	{name: "cpus", shape: number, above: bound(0), doc: "cores per trial"},
	{name: "gpus", shape: number, least: bound(0), doc: "GPUs per trial, may be a fraction"},
	{name: "memory", shape: size, above: bound(0), doc: "memory per trial"},
	{name: "gpu_memory", shape: size, above: bound(0), doc: "GPU memory per trial"},
}

var slurmKeys = []key{
	{name: "partition", shape: text, doc: "partition"},
	{name: "time", shape: text | duration, doc: "time limit of a worker"},
	{name: "workers", shape: integer, least: bound(1), doc: "how many jobs at once"},
	{name: "mode", shape: text, words: []string{"auto", "workers", "array", "single"}, doc: "how trials become jobs"},
	{name: "setup", shape: text | listOf, item: word, doc: "shell lines before a worker starts"},
	{name: "sbatch", shape: text | listOf, item: word, doc: "options for sbatch, passed through"},
	{name: "pools", shape: listOf, item: &key{shape: open, item: &key{shape: anything}}, doc: "several kinds of workers"},
}

const hookDoc = "commands run at events, where trawl run was started, with $TRAWL_EVENT $TRAWL_SWEEP $TRAWL_DB $TRAWL_STATE $TRAWL_REASON; " +
	"of a trial $TRAWL_TRIAL $TRAWL_ATTEMPT $TRAWL_TRIAL_DIR $TRAWL_CHECKPOINT_DIR $TRAWL_PARAMS $TRAWL_VALUES (JSON) $TRAWL_CLASS $TRAWL_METRIC $TRAWL_OBJECTIVE; " +
	"at the end $TRAWL_TRIALS $TRAWL_FINISHED $TRAWL_FAILED $TRAWL_METRIC $TRAWL_OBJECTIVE. No trial waits for them; output goes to hooks.log beside the trials; " +
	"a failure is noted in the journal and hurts nothing; after 10 minutes they are ended"

// hookKeys are the events that commands can be run at: a text goes to sh -c, a
// list is an argument vector.
var hookKeys = []key{
	{name: "new_best", shape: text | listOf, item: word, doc: "a trial finished with the best objective so far (of several: the first)"},
	{name: "trial_failed", shape: text | listOf, item: word, doc: "a trial failed, and its retries are used up"},
	{name: "done", shape: text | listOf, item: word, doc: "the sweep has ended by itself: not at a stop"},
}

var methods = []string{"grid", "random", "sobol", "lhs", "tpe", "gp", "cmaes", "nsga2", "auto", "points", "bayes"}

var classes = []string{"exit", "signal", "timeout", "stalled", "oom", "no_objective", "lost", "start"}

// table is the top level of a sweep file.
var table = []key{
	{name: "name", shape: text, doc: "name of the sweep in its database; default: the file's stem"},
	{name: "description", shape: text, part: how, doc: "free text"},
	{name: "program", shape: text, part: how, doc: "script to run; ${program} in the command"},
	{name: "command", shape: listOf | text, part: how, item: word,
		doc: "argument vector, never a shell; default [${env}, ${interpreter}, ${program}, ${args}]"},
	{name: "shell", shape: text, part: how, doc: "command line for sh -c instead of command; values arrive quoted"},
	{name: "dashes", shape: boolean, part: how, doc: "turn _ into - in argument names"},
	{name: "trainer", shape: mapOf, part: decides, keys: trainerKeys, doc: "the built-in trainer instead of a command"},
	{name: "method", shape: text, part: decides, words: methods, doc: "how points are chosen"},
	{name: "order", shape: text, part: decides, words: []string{"sorted", "shuffled"}, implied: `"sorted"`,
		doc: "order of a grid: sorted (default) or shuffled by the seed"},
	{name: "seed", shape: integer, part: decides, implied: "0", doc: "the points are a function of the file and it; default 0"},
	{name: "metric", shape: mapOf | text, part: decides, keys: metricKeys, lenient: true, doc: "the objective"},
	{name: "metrics", shape: listOf, part: decides, item: &key{shape: mapOf | text, keys: metricKeys, lenient: true},
		doc: "several objectives: Pareto ranking"},
	{name: "parameters", shape: anything, part: decides, doc: "what is swept"},
	{name: "constraints", shape: text | listOf, part: decides, item: word, doc: "expressions that every point satisfies"},
	{name: "zip", shape: listOf, part: decides, item: &key{shape: listOf, item: word}, doc: "groups of parameters that move together"},
	{name: "points", shape: listOf, part: decides, item: &key{shape: open, item: &key{shape: anything}},
		doc: "points tried first; missing values are drawn"},
	{name: "from", shape: text | listOf, part: decides, item: word,
		doc: "sweeps to learn from before the first trial: NAME, FILE.db or FILE.db/NAME"},
	{name: "repeats", shape: integer | mapOf, part: decides, least: bound(1), doc: "runs of each point with different seeds",
		keys: []key{
			{name: "count", shape: integer, least: bound(1), doc: "how many; seeds 1 … count"},
			{name: "seeds", shape: listOf, item: &key{shape: integer}, doc: "the seeds instead"},
			{name: "parameter", shape: text, doc: "name under which the trial gets its seed; default: only $TRAWL_SEED"},
			{name: "race", shape: boolean, doc: "give points that are clearly worse no further repeats"},
		}},
	{name: "duplicates", shape: text, part: decides, words: []string{"skip", "allow", "reuse"}, implied: `"skip"`,
		doc: "what becomes of a proposal that was tried already; default skip"},
	{name: "early_terminate", shape: mapOf, part: decides, doc: "ends bad trials early", keys: stopperKeys},
	{name: "stop_if", shape: text, part: decides, doc: "expression over the metrics that ends a trial as diverged"},
	{name: "run_cap", shape: integer, part: how, least: bound(1), doc: "how many trials"},
	{name: "budget", shape: mapOf, part: how, doc: "ends the sweep", keys: []key{
		{name: "wall", shape: duration, above: bound(0), doc: "wall-clock time"},
		{name: "trial_hours", shape: number, above: bound(0), doc: "hours of all trials together"},
		{name: "failures", shape: integer | boolean | text, least: bound(1), words: []string{"off"}, doc: "failed trials; off = never stop for them"},
	}},
	{name: "parallel", shape: integer | text, part: how, least: bound(1), words: []string{"auto"}, implied: `"auto"`,
		doc: "trials at a time; auto = as many as the resources admit"},
	{name: "fuse", shape: text | boolean, part: how, words: []string{"auto", "off"}, implied: `"auto"`,
		doc: "auto = linear and softmax trials of the trainer that share data, seed and batches are trained together, with the same numbers; off = each by itself"},
	{name: "resources", shape: mapOf, part: how, keys: resourceKeys, doc: "what one trial needs"},
	{name: "timeout", shape: duration, part: how, above: bound(0), doc: "longest run of an attempt"},
	{name: "stall_timeout", shape: duration, part: how, above: bound(0), doc: "longest silence of an attempt"},
	{name: "retries", shape: integer | mapOf, part: how, least: bound(0), doc: "failed trials that are tried again", keys: []key{
		{name: "max", shape: integer, least: bound(0), doc: "how often"},
		{name: "on", shape: text | listOf, words: classes, item: &key{shape: text, words: classes}, doc: "classes of failure; default all"},
		{name: "oom", shape: mapOf, doc: "after running out of memory", keys: []key{
			{name: "resources", shape: mapOf, keys: resourceKeys, doc: "what the retry gets"}}},
	}},
	{name: "stop", shape: mapOf, part: how, doc: "how a trial is asked to end", keys: []key{
		{name: "signal", shape: text, words: signals, doc: "the signal; default SIGTERM"},
		{name: "grace", shape: duration, least: bound(0), doc: "from the signal to SIGKILL; default 10s"},
	}},
	{name: "resume_args", shape: listOf, part: how, item: word, doc: "appended from attempt 2 on when there is a checkpoint"},
	{name: "env", shape: open, part: how, item: word, doc: "environment variables of the trials"},
	{name: "workdir", shape: text, part: how, doc: "working directory; trial: each in its own"},
	{name: "link", shape: text | listOf, part: how, item: word, doc: "with workdir: trial: what to link beside the program"},
	{name: "report", shape: mapOf, part: how, doc: "where metrics are read besides JSON lines", keys: []key{
		{name: "pattern", shape: text | listOf, item: word, doc: "the same as patterns"},
		{name: "patterns", shape: text | listOf, item: word, doc: "regular expressions with named groups, or names: " + strings.Join(metric.Names(), ", ")},
		{name: "tensorboard", shape: text, doc: "directory of a trial's TensorBoard event files, besides its own; with ${trial} in it, or workdir: trial"},
		{name: "csv", shape: text | listOf, item: word, doc: "CSV files with a header, or patterns such as *.csv; with ${trial} in them, or workdir: trial"},
		{name: "json", shape: text | listOf, item: word, doc: "JSON files of results, or patterns; with ${trial} in them, or workdir: trial"},
		{name: "trainer_state", shape: text | listOf, item: word, doc: "output_dir of Hugging Face's Trainer; with ${trial} in it, or workdir: trial"},
		{name: "exit_value", shape: text, doc: "metric that the exit status is; a status other than 0 is then no failure, but for 126 and 127"},
	}},
	{name: "keep", shape: mapOf, part: how, doc: "what stays on disk", keys: []key{
		{name: "checkpoints", shape: integer, least: bound(0), unbuilt: always, doc: "those of the best so many trials"}}},
	{name: "executor", shape: text | mapOf, part: how, words: []string{"local", "slurm"}, implied: `"local"`, unbuilt: []string{"slurm"},
		doc: "where trials run", keys: []key{
			{name: "local", shape: open, item: &key{shape: anything}, doc: "this machine"},
			{name: "slurm", shape: mapOf, keys: slurmKeys, unbuilt: always, doc: "a Slurm cluster"}}},
	{name: "slurm", shape: mapOf, part: how, keys: slurmKeys, unbuilt: always, doc: "short for executor: {slurm: …}"},
	{name: "wandb", shape: text | boolean, part: how, words: []string{"auto", "shim", "off"}, implied: `"auto"`,
		doc: "what `import wandb` means in a trial"},
	{name: "hooks", shape: mapOf, part: how, keys: hookKeys, lenient: true, doc: hookDoc},
	{name: "on", shape: mapOf, part: how, keys: hookKeys, lenient: true, doc: "short for hooks"},
	{name: "log_limit", shape: size, part: how, above: bound(0), doc: "output kept per trial; default 64MiB"},
	{name: "min_free", shape: size, part: how, least: bound(0), doc: "free disk below which nothing new starts; default 1GiB"},
}

var signals = []string{"SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL"}

// trainerKeys may stand under trainer: and, by the same name, under parameters:.
var trainerKeys = func() []key {
	var ks []key
	for _, name := range strings.Fields(`data target split model hidden activation dropout init init_from freeze sparsity
		loss optimizer lr momentum momentum_form dampening nesterov rho centered beta1 beta2 eps weight_decay l1 l2
		label_smoothing clip_norm clip_value schedule decay decay_every decay_unit lr_min warmup batch_size epochs steps
		standardize one_hot augment precision diverge_above seed missing sparsify new_head report_every`) {
		ks = append(ks, key{name: name, shape: anything})
	}
	return ks
}()

// foreign are W&B's top-level keys that trawl has no use for.
var foreign = map[string]bool{"project": true, "entity": true, "job": true, "controller": true, "kind": true,
	"apiVersion": true, "image_uri": true, "scheduler": true, "settings": true, "template": true}

func lookup(keys []key, name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
	}
	return nil
}

func keyNames(keys []key) []string {
	ns := make([]string, len(keys))
	for i, k := range keys {
		ns[i] = k.name
	}
	return ns
}

// nearest returns the name closest to s, "" if none is near: within one typing
// error, or two of a word of six letters or more.
func nearest(s string, names []string) string {
	best, at := "", 3
	if len(s) < 6 {
		at = 2
	}
	for _, n := range names {
		if d := typos(strings.ToLower(s), strings.ToLower(n)); d < at {
			best, at = n, d
		}
	}
	return best
}

// typos is the number of letters inserted, left out, replaced or swapped with
// their neighbour between a and b (optimal string alignment).
func typos(a, b string) int {
	x, y := []rune(a), []rune(b)
	if d := len(x) - len(y); d > 3 || d < -3 {
		return 4
	}
	var before, last []int
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		before, last, row = last, row, make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+boolInt(x[i-1] != y[j-1]))
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(y)]
}

// oneOf lists names for a want: "a, b or c".
func oneOf(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
