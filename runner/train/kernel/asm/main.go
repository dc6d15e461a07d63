// Command asm writes the assembly of package kernel and its Go declarations,
// with avo. It is a module of its own, so that trawl itself does not depend on
// the generator. `go generate` in the package above runs it.
package main

import (
	. "github.com/mmcloughlin/avo/build"
)

func main() {
	ConstraintExpr("amd64")
	gemmAVX512()
	gemmAVX2()
	sparseLoops()
	nonzeroAVX512()
	packAVX2()
	transposeAVX2()
	elementwise()
	dotAVX2()
	scaleBytesAVX2()
	affineBytesAVX2()
	peak()
	Generate()
}
