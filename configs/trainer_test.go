package configs

import (
	"strings"
	"testing"
)

// TestTrainerValues: the trainer judges what the file says of it, at its place.
func TestTrainerValues(t *testing.T) {
	_, err := Parse("sweep.yaml", []byte("method: grid\nmetric: {name: val_loss}\ntrainer: {model: mlp, momentum: 1.5}\n"+
		"parameters:\n  optimizer: [sgd, sdg]\n  lr: [0.1, -1]\n"), Options{})
	if err == nil {
		t.Fatal("wrong values of the trainer pass")
	}
	for _, want := range []string{"sweep.yaml:3:33: trainer.momentum: 1.5; want", "optimizer: sdg; want", "lr: -1; want"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q in it", err, want)
		}
	}
}
