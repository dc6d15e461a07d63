// Package train is the built-in trainer: softmax regression by mini-batch
// gradient descent with momentum, learning-rate decay and gradient clipping.
//
// A run is a function of its Config and the data: the same bits come out
// whatever runs beside it, on any processor, and whether or not it was
// interrupted and resumed on the way. There are no goroutines inside a run.
package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Config says what to train on what, and how. NewConfig makes one from the
// keys of a sweep file; the zero Config is not valid.
type Config struct {
	Data  string // `mnist`, or the path of a folder of IDX files
	Split Split

	Epochs    int
	BatchSize int // the last batch of an epoch may be smaller

	LR           float64 // η₀ > 0
	Decay        float64 // α >= 0 of η₀/(1+αt)
	DecayPerStep bool    // t counts mini-batches instead of epochs
	Momentum     float64 // μ, 0 <= μ < 1
	Velocity     bool    // momentum_form: velocity
	WeightDecay  float64 // λ >= 0
	ClipNorm     float64 // largest norm of a batch's gradient; 0: no clipping

	// DivergeAbove ends the run as diverged when the mean loss of a batch is
	// above it; 0: only when it is not finite.
	DivergeAbove float64
	Seed         int64 // of the order of the examples
}

// A Split says how the examples are divided, in order: the first for training,
// those after them for validation. The zero Split is what the data says itself,
// else 80 % and 20 %.
type Split struct {
	Train, Val float64 // numbers of examples, or with Fraction parts of 1
	Fraction   bool
}

// counts returns the numbers of examples for training and validation among n,
// of which the data itself puts the first `front` aside for training.
func (s Split) counts(n, front int) (train, val int, err error) {
	switch {
	case s == Split{} && front > 0:
		return front, n - front, nil
	case s == Split{}:
		s = Split{0.8, 0.2, true}
		fallthrough
	case s.Fraction:
		train = int(math.Round(s.Train * float64(n)))
		val = min(int(math.Round(s.Val*float64(n))), n-train)
	default:
		train, val = int(s.Train), int(s.Val)
	}
	if train < 1 || val < 1 || train+val > n {
		return 0, 0, fmt.Errorf("split: %d + %d of %d examples; want at least one in each part and no more than there are", train, val, n)
	}
	return train, val, nil
}

// Defaults is the Config of an empty `trainer:`.
func Defaults() Config {
	return Config{Data: "mnist", Epochs: 10, BatchSize: 64, LR: 0.1}
}

// NewConfig reads the keys of `trainer:` and the swept parameters. A value that
// is null or absent leaves the default. All problems are in the error, joined.
func NewConfig(values map[string]sweep.Value) (Config, error) {
	c := Defaults()
	var errs []error
	for _, name := range sortedNames(values) {
		if err := c.set(name, values[name]); err != nil {
			errs = append(errs, err)
		}
	}
	return c, errors.Join(errs...)
}

// CheckValue says what is wrong with one value of one key, before anything
// runs: an unknown key, one that is not built yet, a wrong type or range.
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
	switch err := k.set(c, v).(type) {
	case nil:
		return nil
	case notYet:
		return fmt.Errorf("%s %s: %w", name, v.Python(), err)
	default:
		return fmt.Errorf("%s: %s; %w", name, shown(v), err)
	}
}

// shown prints v for an error, a text in quotes.
func shown(v sweep.Value) string {
	if v.Kind() == sweep.String {
		return fmt.Sprintf("%q", v.Text())
	}
	return v.Python()
}

// identity is what decides the bits of a run, for a checkpoint to be
// compared with, as JSON: all but the number of epochs, which may be raised.
func (c Config) identity() string {
	c.Epochs = 0
	b, err := json.Marshal(c)
	if err != nil {
		panic("train: " + err.Error()) // only finite numbers pass set
	}
	return string(b)
}
