package configs

import (
	"math"
	"strings"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

// readRunning reads how trials are run.
func (l *loader) readRunning() {
	s, d := l.spec, l.doc
	budget := l.get("budget")
	s.Budget = sweep.Budget{Wall: timeOf(budget, "wall"), TrialHours: numberOf(budget, "trial_hours"),
		Failures: int(intOf(budget, "failures", 0))}
	if f := given(budget, "failures"); f != nil && f.form == scalar && s.Budget.Failures == 0 {
		s.Budget.FailuresOff = f.raw == "off" || f.raw == "false"
		if !s.Budget.FailuresOff && f.value.Kind() == sweep.Bool {
			l.errorf(f.place, "an integer >= 1 or off", "budget.failures: %s", f.raw)
		}
	}
	s.Parallel = int(intOf(d, "parallel", 0))
	l.readFuse()
	s.Resources = l.readResources(l.get("resources"))
	s.Timeout, s.StallTimeout = timeOf(d, "timeout"), timeOf(d, "stall_timeout")
	l.readRetries()
	stop := l.get("stop")
	s.Stop = sweep.StopRule{Signal: orElse(textOf(stop, "signal"), "SIGTERM"), Grace: 10 * time.Second}
	if given(stop, "grace") != nil {
		s.Stop.Grace = timeOf(stop, "grace")
	}
	l.readEnv()
	if s.Workdir = textOf(d, "workdir"); s.Workdir == "." {
		s.Workdir = ""
	}
	s.Link = textsOf(d, "link")
	if n := l.get("link"); n != nil && s.Workdir != "trial" {
		l.warnf(n.place, "workdir: trial", "link: nothing to link into")
	}
	s.Keep = int(intOf(l.get("keep"), "checkpoints", 0))
	s.LogLimit, s.MinFree = sizeOf(d, "log_limit", 64<<20), sizeOf(d, "min_free", 1<<30)
	l.readServices()
}

// finestShare is the smallest part of a GPU that a trial can have.
const finestShare = 1.0 / 64

func (l *loader) readResources(n *node) sweep.Resources {
	if g := given(n, "gpus"); g != nil && g.form == scalar {
		if x := numberOf(n, "gpus"); x > 1 && x != math.Trunc(x) || x > 0 && x < finestShare {
			l.errorf(g.place, "a whole number, or a part of one GPU, at least 1/64", "resources.gpus: %s", g.raw)
		}
	}
	return sweep.Resources{CPUs: numberOf(n, "cpus"), GPUs: numberOf(n, "gpus"), GPUsSet: given(n, "gpus") != nil,
		Memory: sizeOf(n, "memory", 0), GPUMemory: sizeOf(n, "gpu_memory", 0)}
}

func (l *loader) readRetries() {
	n := l.get("retries")
	if n == nil {
		return
	}
	r := &l.spec.Retries
	if n.form == scalar {
		i, _ := n.value.Int64()
		r.Max = int(i)
		return
	}
	r.Max = int(intOf(n, "max", 1))
	for _, c := range textsOf(n, "on") {
		r.On = append(r.On, sweep.Class(c))
	}
	if x := given(given(n, "oom"), "resources"); x != nil {
		more := l.readResources(x)
		r.OOM = &more
	}
}

func (l *loader) readEnv() {
	n := l.get("env")
	if n == nil {
		return
	}
	for _, e := range n.entries {
		if e.name == "" || strings.ContainsAny(e.name, "=\x00") {
			l.errorf(e.at, "the name of a variable", "env: %q", clip(e.name))
		}
		if strings.Contains(e.node.value.Text(), "\x00") {
			l.errorf(e.node.place, "a text without NUL", "env.%s: %s", e.name, e.node.describe())
		}
		l.spec.Env = append(l.spec.Env, sweep.EnvVar{Name: e.name, Value: e.node.value.Text()})
	}
}

// readFuse reads whether trials may be trained together.
func (l *loader) readFuse() {
	n := l.get("fuse")
	if n == nil || n.form != scalar {
		return
	}
	if n.value.Kind() == sweep.Bool && boolOf(l.doc, "fuse") {
		l.errorf(n.place, "auto or off", "fuse: true")
	}
	l.spec.Unfused = n.value.Kind() == sweep.Bool || n.value.Text() == "off" // false is YAML 1.1's off
}

// readServices reads the executor, the stand-in for wandb, and hooks.
func (l *loader) readServices() {
	s := l.spec
	s.Executor, s.WandB = "local", "auto"
	if n := l.get("executor"); n != nil {
		s.Executor = orElse(n.value.Text(), "local")
		if n.form == mapping {
			if len(n.entries) != 1 {
				l.errorf(n.place, "local or slurm", "executor: %d of them", len(n.entries))
			} else {
				s.Executor = n.entries[0].name
			}
		}
	}
	if n := l.get("slurm"); n != nil {
		if l.get("executor") != nil && s.Executor != "slurm" {
			l.errorf(n.place, "executor: slurm", "slurm with executor %s", s.Executor)
		}
		s.Executor = "slurm"
	}
	if n := l.get("wandb"); n != nil && n.form == scalar {
		switch {
		case n.value.Kind() == sweep.Bool && boolOf(l.doc, "wandb"):
			l.errorf(n.place, "auto, shim or off", "wandb: true")
		case n.value.Kind() == sweep.Bool:
			s.WandB = "off" // YAML 1.1's word for false
		default:
			s.WandB = n.value.Text()
		}
	}
	l.readHooks()
}

func (l *loader) readHooks() {
	n, short := l.get("hooks"), l.get("on")
	switch {
	case n == nil:
		n = short
	case short != nil:
		l.errorf(short.place, "one of them", "hooks and on")
	}
	if n == nil || n.form != mapping {
		return
	}
	for _, k := range hookKeys {
		v := given(n, k.name)
		if v == nil {
			continue
		}
		argv := textsOf(n, k.name)
		if len(argv) == 0 || strings.TrimSpace(argv[0]) == "" {
			l.errorf(v.place, "a command", "hooks.%s: nothing to run", k.name)
			continue
		}
		if v.form == scalar {
			argv = []string{"sh", "-c", argv[0]}
		}
		if l.spec.Hooks == nil {
			l.spec.Hooks = map[string][]string{}
		}
		l.spec.Hooks[k.name] = argv
	}
}
