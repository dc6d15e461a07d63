package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/model"
	"github.com/trawl-sweep/trawl/runner/train/optim"
	"github.com/trawl-sweep/trawl/sweep"
)

// A Config says what to train on what, and how. NewConfig makes one from the
// keys of a sweep file; the zero Config is not valid. The zero of each field
// that can be swept is that part turned off.
type Config struct {
	Data     string       // `mnist`, or the path of a file or a folder
	Options  data.Options // how it is read, divided and prepared
	Augment  data.Augment // of the training examples, anew each epoch
	Model    string       // softmax, linear, mlp; "": as the data and Hidden say
	Hidden   []int        // units of the hidden layers of mlp; none: those of InitFrom, else 128
	Unit     string       // activation: relu, tanh, gelu; "": relu, or that of InitFrom
	Dropout  float64      // part p of the hidden units, 0 <= p < 1: model.Spec
	Init     string       // zeros, glorot, he; "": as the model says
	InitFrom string       // a checkpoint to begin from
	NewHead  bool         // begin the last layer anew, even if the checkpoint's would fit
	Freeze   int          // layers from the input that stay as they are; FreezeBody: all but the last
	Sparsity float64      // part of the loaded weights that is cut away, 0 <= p < 1

	Loss      string  // cross_entropy, squared; "": as the data says
	L1, L2    float64 // >= 0: adds L1·Σ|w| + ½·L2·Σw² to the loss, biases not
	Smoothing float64 // label_smoothing s, 0 <= s < 1: model.CrossEntropy

	// The update rule; optim.Rule has the formulas.
	Optimizer   string  // gd, sgd, rmsprop, adam, adamw
	LR          float64 // η₀ > 0; 0: 0.1 for gd and sgd, else 0.001
	Momentum    float64 // μ of gd, sgd and rmsprop, 0 <= μ < 1
	Velocity    bool    // momentum_form: velocity; else heavy_ball
	Dampening   float64 // τ of gd and sgd, 0 <= τ <= 1
	Nesterov    bool    // with Momentum
	Rho         float64 // ρ of rmsprop, 0 <= ρ < 1
	Centered    bool    // of rmsprop
	Beta1       float64 // β₁ of adam and adamw, 0 <= β₁ < 1
	Beta2       float64 // β₂, likewise
	Eps         float64 // ε >= 0 of rmsprop, adam and adamw
	WeightDecay float64 // λ >= 0, biases included; decoupled for adamw
	ClipNorm    float64 // largest Euclidean norm of a mini-batch's gradient: optim.ClipNorm
	ClipValue   float64 // largest element of it, limited before: optim.ClipValue

	// The learning rate; optim.Schedule has the formulas.
	Schedule     string  // inverse_time, step, exponential, cosine, constant
	Decay        float64 // α >= 0, per unit of t; below 1 for step
	DecayEvery   int     // units of t per stair of step, >= 1
	DecayPerStep bool    // t counts mini-batches instead of epochs
	LRMin        float64 // η_min >= 0
	Warmup       float64 // >= 0, in units of t

	BatchSize   int // 0: 64, or all training examples if they are fewer; the last of an epoch may be smaller
	Epochs      int // passes over the training examples, >= 1
	Steps       int // mini-batches in all, in place of Epochs; 0: off
	ReportEvery int // mini-batches from report to report; 0: an epoch

	// DivergeAbove ends the run as diverged when the mean loss of a batch is
	// above it; 0: only when it is not finite.
	DivergeAbove float64
	Float64      bool  // precision: float64
	Seed         int64 // of the weights, the order of the examples, dropout and augmentation
}

// FreezeBody is the Config.Freeze that leaves only the last layer to learn.
const FreezeBody = -1

const defaultBatch = 64

// Defaults is the Config of an empty `trainer:`: softmax regression of the embedded
// images by mini-batches of 64, 10 epochs at η = 0.1. The ρ, β and ε are those of
// PyTorch's optimizers.
func Defaults() Config {
	return Config{
		Data: "mnist", Epochs: 10, Optimizer: "sgd", Schedule: "inverse_time",
		Rho: 0.99, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, DecayEvery: 1,
	}
}

// NewConfig reads the keys of `trainer:` and the swept parameters, by their names
// in AllKeys. A value that is null or absent leaves the default. All problems are
// in the error, joined, each with key, value and what is wanted: keys that there
// are not, values of another type or range, and keys that exclude each other.
func NewConfig(values map[string]sweep.Value) (Config, error) {
	c := Defaults()
	var errs []error
	for _, name := range sortedNames(values) {
		if err := c.set(name, values[name]); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		errs = append(errs, c.check())
	}
	return c, errors.Join(errs...)
}

// CheckValue says what is wrong with one value of one key, before anything
// runs: an unknown key, a wrong type or range.
func CheckValue(name string, v sweep.Value) error {
	c := Defaults()
	return c.set(name, v)
}

func (c *Config) set(name string, v sweep.Value) error {
	k, err := lookup(name)
	if err != nil {
		return err
	}
	if v.IsAbsent() || v.Kind() == sweep.Null {
		return nil
	}
	if err := k.set(c, v); err != nil {
		return fmt.Errorf("%s: %s; %w", name, shown(v), err)
	}
	return nil
}

// shown prints v for an error, a text in quotes.
func shown(v sweep.Value) string {
	if v.Kind() == sweep.String {
		return fmt.Sprintf("%q", v.Text())
	}
	return v.Python()
}

// check says which keys do not go together, as far as that does not depend on
// the data.
func (c *Config) check() error {
	var errs []error
	need := func(bad bool, form string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(form, args...))
		}
	}
	mlp := c.Model == "mlp" || c.Model == "" && len(c.Hidden) > 0
	need(!mlp && len(c.Hidden) > 0, "hidden: %v with model %s; want model mlp", c.Hidden, c.Model)
	need(c.Model == "linear" && c.Loss == "cross_entropy", "loss: cross_entropy with model linear; want squared")
	need(c.Model == "softmax" && c.Loss == "squared", "loss: squared with model softmax; want cross_entropy, or model linear or mlp")
	need(c.Loss == "squared" && c.Smoothing > 0, "label_smoothing: %v with the squared loss; want cross_entropy", c.Smoothing)
	need(c.Schedule == "step" && c.Decay >= 1, "decay: %v with schedule step; want a part below 1", c.Decay)
	need(c.InitFrom == "" && c.Sparsity > 0, "sparsity: %v without init_from; want a checkpoint whose weights are cut", c.Sparsity)
	need(c.InitFrom == "" && c.Freeze != 0, "freeze without init_from; want a checkpoint whose layers are kept")
	need(c.Options.Sparsify > 0 && (c.Options.Standardize || c.Options.MinMax),
		"sparsify: %v with standardize; want one of them: zero would be no zero", c.Options.Sparsify)
	return errors.Join(errs...)
}

// rate is η₀: lr, by default 0.1, or 0.001 for the optimizers that divide by
// the size of the gradient.
func (c *Config) rate() float64 {
	switch {
	case c.LR > 0:
		return c.LR
	case c.Optimizer == "sgd" || c.Optimizer == "gd":
		return 0.1
	}
	return 0.001
}

// rule is the update rule.
func (c *Config) rule() optim.Rule {
	return optim.Rule{
		Method:   map[string]optim.Method{"rmsprop": optim.RMSprop, "adam": optim.Adam, "adamw": optim.AdamW}[c.Optimizer],
		Momentum: c.Momentum, Velocity: c.Velocity, Dampening: c.Dampening, Nesterov: c.Nesterov,
		Rho: c.Rho, Centered: c.Centered, Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, WeightDecay: c.WeightDecay,
	}
}

// schedule is the learning rate of a run of total mini-batches, perEpoch of
// them an epoch.
func (c *Config) schedule(total, perEpoch int64) optim.Schedule {
	unit := perEpoch
	if c.DecayPerStep {
		unit = 1
	}
	return optim.Schedule{
		Eta0: c.rate(), Decay: decays[c.Schedule], Alpha: c.Decay, Every: int64(c.DecayEvery), Min: c.LRMin,
		Unit: unit, Total: total, Warmup: int64(math.Round(c.Warmup * float64(unit))),
	}
}

var decays = map[string]optim.Decay{"inverse_time": optim.InverseTime, "step": optim.Stairs,
	"exponential": optim.Exponential, "cosine": optim.Cosine, "constant": optim.Constant}

// options are what the data is opened with.
func (c *Config) options() data.Options {
	o := c.Options
	o.Float64 = c.Float64
	switch {
	case o.Task != "":
	case c.Model == "linear" || c.Loss == "squared":
		o.Task = "regress"
	case c.Model == "softmax" || c.Loss == "cross_entropy":
		o.Task = "classify"
	}
	return o
}

// spec is the network for a data set.
func (c *Config) spec(set *data.Set) (model.Spec, error) {
	s := model.Spec{In: set.Features, Out: max(set.Classes, 1), L1: c.L1, L2: c.L2, Smoothing: c.Smoothing, Dropout: c.Dropout}
	s.Activation = map[string]model.Activation{"tanh": model.Tanh, "gelu": model.GELU}[c.Unit]
	if set.Classes == 0 {
		s.Loss = model.Squared
	}
	if c.Model == "mlp" || c.Model == "" && len(c.Hidden) > 0 {
		if s.Hidden = slices.Clone(c.Hidden); len(s.Hidden) == 0 {
			s.Hidden = []int{128}
		}
	}
	if s.Frozen = c.Freeze; c.Freeze == FreezeBody {
		s.Frozen = len(s.Hidden)
	}
	if s.Loss == model.Squared && c.Smoothing > 0 {
		return s, fmt.Errorf("label_smoothing: %v with numbers to predict; want classes", c.Smoothing)
	}
	return s, s.Check()
}

// init is how layers begin.
func (c *Config) init(s model.Spec) model.Init {
	how := c.Init
	switch {
	case how != "":
	case len(s.Hidden) == 0:
		how = "zeros"
	case s.Activation == model.Tanh:
		how = "glorot"
	default:
		how = "he"
	}
	return map[string]model.Init{"glorot": model.Glorot, "he": model.He}[how]
}

// identity is what decides the bits of a run, for a checkpoint to be compared
// with, as JSON: all but its length, which may be raised unless the learning
// rate depends on it.
func (c Config) identity(set *data.Set) string {
	if c.Schedule != "cosine" {
		c.Epochs, c.Steps = 0, 0
	}
	c.InitFrom, c.Data = "", set.Digest
	return c.text()
}

// text is c as JSON.
func (c Config) text() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("train: " + err.Error()) // only finite numbers pass set
	}
	return string(b)
}
