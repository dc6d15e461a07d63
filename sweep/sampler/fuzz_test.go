package sampler

import (
	"testing"

	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

func FuzzRandom(f *testing.F) { samplertest.Fuzz(f, Methods["random"]) }
func FuzzSobol(f *testing.F)  { samplertest.Fuzz(f, Methods["sobol"]) }
func FuzzTPE(f *testing.F)    { samplertest.Fuzz(f, Methods["tpe"]) }
func FuzzGP(f *testing.F)     { samplertest.Fuzz(f, Methods["gp"]) }
func FuzzCMAES(f *testing.F)  { samplertest.Fuzz(f, Methods["cmaes"]) }
func FuzzNSGA2(f *testing.F)  { samplertest.Fuzz(f, Methods["nsga2"]) }
func FuzzAuto(f *testing.F)   { samplertest.Fuzz(f, Methods["auto"]) }
