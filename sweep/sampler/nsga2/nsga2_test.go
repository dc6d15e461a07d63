package nsga2

import (
	"testing"

	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

func TestLaws(t *testing.T) { samplertest.Run(t, "nsga2", New) }
