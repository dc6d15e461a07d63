package kernel

import (
	"fmt"
	"slices"
	"strings"
)

// An isa is a set of instructions that kernels are written for, in the order of
// preference.
type isa int

const (
	plain  isa = iota // Go
	avx2              // AVX2 and FMA
	avx512            // AVX-512 F, VL, BW and DQ, and those of avx2
)

var isaNames = [...]string{plain: "go", avx2: "avx2", avx512: "avx512"}

// level is the isa in use. It is changed by Use alone.
var level = best()

// Level names the instructions in use: "avx512", "avx2" (with FMA) or "go".
func Level() string { return isaNames[level] }

// Levels lists what this machine can use, best first; the last is "go".
func Levels() []string {
	var out []string
	for l := best(); l >= plain; l-- {
		out = append(out, isaNames[l])
	}
	return out
}

// Use selects a level by its name, for tests and for users who want to rule an
// instruction set out; results do not change, speed does. The error says what
// this machine has. Restore goes back to the level before. Neither may run
// while kernels do.
func Use(name string) (restore func(), err error) {
	if !slices.Contains(Levels(), name) {
		return nil, fmt.Errorf("kernel level %q: want one of %s", name, strings.Join(Levels(), ", "))
	}
	before := level
	level = isa(slices.Index(isaNames[:], name))
	return func() { level = before }, nil
}
