package main

import (
	"slices"
	"testing"
)

func TestLastWins(t *testing.T) {
	got := lastWins([]string{"HOME=/a", "PATH=/bin", "EMPTY=", "HOME=/b", "X=1=2", "PATH=", "HOME=/c", "odd"})
	if want := []string{"HOME=/c", "PATH=", "EMPTY=", "X=1=2", "odd"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
