package cmaes

import (
	"strings"
	"testing"
)

// A note is told in words.
func TestExplain(t *testing.T) {
	for _, tt := range []struct{ note, want string }{
		{note(12, 0), "from generation 12 of"},
		{note(3, 4), "4 draws before it"},
		{"gp 3", "drawn from the normal distribution"},
	} {
		if got := (&Sampler{}).Explain(tt.note); !strings.Contains(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.note, got, tt.want)
		}
	}
}
