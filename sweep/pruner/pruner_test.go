package pruner

import (
	"slices"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func TestTableAndNamesAgree(t *testing.T) {
	if len(Known()) != len(Types) {
		t.Errorf("%d names for %d types", len(Known()), len(Types))
	}
	for _, name := range Known() {
		if build, ok := Types[name]; !ok || (build != nil) != Built(name) {
			t.Errorf("%s: in the table %v, built %v", name, ok, Built(name))
		}
	}
	Known()[0] = "changed"
	if slices.Contains(Known(), "changed") {
		t.Error("a caller can change the names")
	}
}

func TestNew(t *testing.T) {
	for name, want := range map[string]string{
		"median": "early_terminate median: not built yet; want early_terminate left out",
		"mean":   `early_terminate "mean": want hyperband, asha, median, percentile, patience, threshold or wilcoxon`,
	} {
		if p, err := New(&sweep.EarlyTerminate{Type: name}, sweep.Objective{}); err == nil || err.Error() != want || p != nil {
			t.Errorf("%s: got %v, %v; want %q", name, p, err, want)
		}
	}
}
