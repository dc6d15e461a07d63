package sampler

import (
	"fmt"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/cmaes"
	"github.com/trawl-sweep/trawl/sweep/sampler/gp"
	"github.com/trawl-sweep/trawl/sweep/sampler/qmc"
	"github.com/trawl-sweep/trawl/sweep/sampler/tpe"
)

const (
	// autoModel is how many outcomes the Gaussian process of auto learns from
	// before another method goes on. A suggestion costs it 19 ms of CPU at 300
	// with five parameters and grows with the cube of the outcomes between fits;
	// by then it has found its basin, and a method that costs microseconds
	// refines that as well.
	autoModel = 300
	// autoDims is up to how many dimensions the Gaussian process was measured to
	// pay; its length scales are learnt one per dimension.
	autoDims = 20
)

// auto chooses the method for the user; W&B's `bayes` means it, too.
//
//	no objective                  Sobol: there is nothing to learn from
//	several objectives            TPE on their fronts
//	more than 20 dimensions       TPE
//	else                          a Gaussian process for the first 300 outcomes, then
//	  numbers without conditions    CMA-ES, warm-started with them
//	  choices or conditions         TPE, told of them
//
// Measured with sweep/sampler/bench/regret: on the eight functions and the seven
// tables the Gaussian process had the lowest median regret of all methods after
// 50 and 100 trials, noise or not, mixed or not, so that nothing else is used
// at the start. Its own first points are a Sobol sequence.
//
// The method that goes on is made when the outcome that reaches the limit is
// told, so the state of auto is the fold of Tell like that of its parts. The
// Note of a proposal is that of its method behind the method's name.
type auto struct {
	plan   sweep.Plan
	name   string // of the method at work
	now    sweep.Sampler
	then   string // the method that goes on; "" = none
	told   []sweep.Outcome
	reason string
}

func newAuto(p sweep.Plan) (sweep.Sampler, error) {
	a := &auto{plan: p}
	dims := len(p.Space.Dims())
	build := tpe.New
	switch {
	case len(p.Objectives) == 0:
		a.name, build, a.reason = "sobol", qmc.NewSobol, "there is no metric to learn from"
	case len(p.Objectives) > 1:
		a.name, a.reason = "tpe", fmt.Sprintf("%d objectives", len(p.Objectives))
	case dims > autoDims:
		a.name, a.reason = "tpe", fmt.Sprintf("%d dimensions are too many for a Gaussian process", dims)
	default:
		a.name, build, a.then = "gp", gp.New, "tpe"
		a.reason = fmt.Sprintf("one objective, %d dimensions: a Gaussian process needs the fewest trials", dims)
		if numeric(p.Space) {
			a.then = "cmaes"
		}
	}
	var err error
	a.now, err = build(p)
	return a, err
}

// numeric reports whether all coordinates are ordered and always there.
func numeric(s *sweep.Space) bool {
	for _, p := range s.Params {
		if p.When != nil {
			return false
		}
	}
	for _, d := range s.Dims() {
		if !s.Ordered(d) {
			return false
		}
	}
	return true
}

// Describe says in a line what is used, and why.
func (a *auto) Describe() string {
	words := map[string]string{"sobol": "Sobol points", "tpe": "TPE", "gp": "a Gaussian process (gp)", "cmaes": "CMA-ES"}
	s := words[a.name] + ": " + a.reason
	if a.then != "" {
		s += fmt.Sprintf("; after %d results %s goes on", autoModel, words[a.then])
	}
	return s
}

// Ask asks the method at work, and signs its notes.
func (a *auto) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	q.Pending = append([]sweep.Proposal(nil), q.Pending...)
	for i := range q.Pending {
		q.Pending[i] = a.own(q.Pending[i])
	}
	got, err := a.now.Ask(q)
	for i := range got {
		if got[i].Point != nil {
			got[i].Note = strings.TrimSuffix(a.name+" "+got[i].Note, " ")
		}
	}
	return got, err
}

// own takes the name off a note. A proposal of another method, or of the user,
// has none that the method at work could read.
func (a *auto) own(p sweep.Proposal) sweep.Proposal {
	name, note, _ := strings.Cut(p.Note, " ")
	if name != a.name {
		note = ""
	}
	p.Note = note
	return p
}

// Tell tells the method at work, or hands over to the one that goes on.
func (a *auto) Tell(o sweep.Outcome) {
	if a.then == "" {
		o.Proposal = a.own(o.Proposal)
		a.now.Tell(o)
		return
	}
	a.told = append(a.told, o)
	if len(a.told) < autoModel {
		o.Proposal = a.own(o.Proposal)
		a.now.Tell(o)
		return
	}
	a.name, a.then, a.reason = a.then, "", fmt.Sprintf("%d results are in", len(a.told))
	a.now = a.goOn()
	a.told = nil
}

// goOn makes the method that goes on from what was told.
func (a *auto) goOn() sweep.Sampler {
	earlier := make([]sweep.Outcome, len(a.told))
	for i, o := range a.told {
		earlier[i] = o
		earlier[i].Note = ""
	}
	if a.name == "cmaes" {
		if s, err := cmaes.NewFrom(a.plan, earlier); err == nil {
			return s
		}
		a.name = "tpe"
	}
	s, err := tpe.New(a.plan)
	if err != nil {
		panic("sampler: auto: " + err.Error()) // newAuto built gp of the same plan, which takes less
	}
	for _, o := range earlier {
		s.Tell(o)
	}
	return s
}

// Looks is that of the method: Sobol points do not depend on results.
func (a *auto) Looks() bool { return a.now.Looks() }
