package train

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/model"
	"github.com/trawl-sweep/trawl/sweep"
)

const (
	notNegative = "a number >= 0"
	belowOne    = "a number >= 0 and < 1"
	splitWant   = "[TRAIN, VALIDATION] or [TRAIN, VALIDATION, TEST], as numbers of examples or as fractions with a sum of at most 1, with or without shuffle, stratify, val=FILE, test=FILE"
	augmentWant = "none, or one or several of shift=PIXELS, flip and noise=DEVIATION"
)

func atLeast0(x float64) bool { return x >= 0 }
func below1(x float64) bool   { return x >= 0 && x < 1 }

func text(name, wanted, doc string, field func(*Config) *string) Key {
	return Key{name, wanted, doc, func(c *Config, v sweep.Value) error {
		if name == "target" && v.Kind() == sweep.Int {
			*field(c) = v.Python()
			return nil
		}
		if v.Kind() != sweep.String || v.Text() == "" {
			return want(wanted)
		}
		*field(c) = v.Text()
		return nil
	}}
}

func number(name, wanted, doc string, ok func(float64) bool, field func(*Config) *float64) Key {
	return Key{name, wanted, doc, func(c *Config, v sweep.Value) error {
		x, isNumber := v.Number()
		if !isNumber || v.Kind() == sweep.Bool || math.IsInf(x, 0) || !ok(x) {
			return want(wanted)
		}
		*field(c) = x
		return nil
	}}
}

func count(name string, least, top int64, doc string, field func(*Config) *int) Key {
	wanted := fmt.Sprintf("a whole number from %d to %d", least, top)
	return Key{name, wanted, doc, func(c *Config, v sweep.Value) error {
		n, ok := whole(v)
		if !ok || n < least || n > top {
			return want(wanted)
		}
		*field(c) = int(n)
		return nil
	}}
}

// whole returns v as an integer: an Int, or a Float without a fraction, as a
// quantised parameter gives it.
func whole(v sweep.Value) (int64, bool) {
	if n, ok := v.Int64(); ok {
		return n, true
	}
	x, _ := v.Number()
	return int64(x), v.Kind() == sweep.Float && x == math.Trunc(x) && math.Abs(x) < 1<<53
}

func word(name, doc string, field func(*Config) *string, words ...string) Key {
	wanted := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	return Key{name, wanted, doc, func(c *Config, v sweep.Value) error {
		if v.Kind() != sweep.String || !slices.Contains(words, v.Text()) {
			return want(wanted)
		}
		*field(c) = v.Text()
		return nil
	}}
}

func choice(name, doc, no, yes string, field func(*Config) *bool) Key {
	wanted := no + " or " + yes
	return Key{name, wanted, doc, func(c *Config, v sweep.Value) error {
		if v.Kind() != sweep.String || v.Text() != no && v.Text() != yes {
			return want(wanted)
		}
		*field(c) = v.Text() == yes
		return nil
	}}
}

func flag(name, doc string, field func(*Config) *bool) Key {
	return Key{name, "true or false", doc, func(c *Config, v sweep.Value) error {
		x, _ := v.Number()
		if v.Kind() != sweep.Bool {
			return want("true or false")
		}
		*field(c) = x != 0
		return nil
	}}
}

// words returns the parts of a list, or of a text with commas or spaces between
// them and with or without brackets, as a command line has it.
func words(v sweep.Value) []string {
	var parts []string
	switch v.Kind() {
	case sweep.String:
		parts = strings.FieldsFunc(strings.Trim(v.Text(), "[] "), func(r rune) bool { return r == ',' || r == ' ' })
	case sweep.Int, sweep.Float:
		parts = []string{v.Python()}
	default:
		list, _ := v.Any().([]any)
		for _, x := range list {
			switch x := x.(type) {
			case json.Number:
				parts = append(parts, x.String())
			case string:
				parts = append(parts, x)
			default:
				return nil
			}
		}
	}
	return parts
}

// setSplit reads [8000, 2000], [0.6, 0.2, 0.2, stratify] and the like.
func setSplit(c *Config, v sweep.Value) error {
	const wanted = want(splitWant)
	s, stratify := data.Split{}, false
	var part []float64
	for _, w := range words(v) {
		name, file, isFile := strings.Cut(w, "=")
		switch {
		case w == "shuffle":
			s.Shuffle = true
		case w == "stratify":
			stratify = true
		case isFile && name == "val" && file != "":
			s.ValFile = file
		case isFile && name == "test" && file != "":
			s.TestFile = file
		default:
			p, ok := sweep.ParseNumber(w)
			f, _ := p.Number()
			switch {
			case !ok || f > 1e9:
				return wanted
			case f <= 0:
				return want("at least one example in each part: a number > 0, or one part less")
			}
			part = append(part, f)
			s.Fraction = s.Fraction || f != math.Trunc(f)
		}
	}
	sum := 0.0
	for i, f := range part {
		sum += f
		if i < 3 {
			*[]*float64{&s.Train, &s.Val, &s.Test}[i] = f
		}
	}
	switch {
	case len(part) == 1 || len(part) > 3 || len(part) == 0 && s == (data.Split{}) && !stratify:
		return wanted
	case s.Fraction && sum > 1+1e-9:
		return want(fmt.Sprintf("fractions with a sum of at most 1, not %.6g; or whole numbers of examples", sum))
	}
	c.Options.Split, c.Options.Stratify = s, stratify
	return nil
}

func setStandardize(c *Config, v sweep.Value) error {
	x, _ := v.Number()
	c.Options.Standardize, c.Options.MinMax = false, false
	switch {
	case v.Kind() == sweep.Bool:
		c.Options.Standardize = x != 0
	case v.Kind() == sweep.String && v.Text() == "min_max":
		c.Options.MinMax = true
	default:
		return want("true, false or min_max")
	}
	return nil
}

func setAugment(c *Config, v sweep.Value) error {
	const wanted = want(augmentWant)
	c.Augment = data.Augment{}
	if v.Kind() == sweep.String && v.Text() == "none" {
		return nil
	}
	parts := words(v)
	for _, w := range parts {
		name, value, _ := strings.Cut(w, "=")
		if w == "flip" {
			c.Augment.Flip = true
			continue
		}
		p, ok := sweep.ParseNumber(value)
		x, _ := p.Number()
		switch {
		case !ok || x < 0:
			return wanted
		case name == "shift" && x == math.Trunc(x) && x < 1000:
			c.Augment.Shift = int(x)
		case name == "noise" && x < 1e30:
			c.Augment.Noise = x
		default:
			return wanted
		}
	}
	if len(parts) == 0 {
		return wanted
	}
	return nil
}

func setHidden(c *Config, v sweep.Value) error {
	const wanted = want("1 to 4 numbers of units, such as 256,128")
	parts := words(v)
	if len(parts) < 1 || len(parts) > model.MaxHidden {
		return wanted
	}
	hidden := make([]int, len(parts))
	for i, w := range parts {
		p, ok := sweep.ParseNumber(w)
		n, isWhole := whole(p)
		if !ok || !isWhole || n < 1 || n > 1<<16 {
			return wanted
		}
		hidden[i] = int(n)
	}
	c.Hidden = hidden
	return nil
}

func setFreeze(c *Config, v sweep.Value) error {
	n, ok := whole(v)
	switch {
	case v.Kind() == sweep.String && v.Text() == "body":
		n = FreezeBody
	case !ok || n < 0 || n > model.MaxHidden:
		return want(fmt.Sprintf("a number of layers from 0 to %d, or body", model.MaxHidden))
	}
	c.Freeze = int(n)
	return nil
}
