package trial_test

import (
	"fmt"
	"log"

	"github.com/trawl-sweep/trawl/runner/trial"
)

// A training loop, run outside of trawl: the defaults hold, and reports are
// printed. In a sweep of `lr` and `epochs` the same program trains with what it
// is given, and trawl reads what it reports.
func Example() {
	p := struct {
		LR     float64 `json:"lr"`
		Epochs int     `json:"epochs"`
	}{LR: 0.25, Epochs: 3}
	if err := trial.Params(&p); err != nil {
		log.Fatal(err)
	}
	w := 1.0
	for epoch := range p.Epochs {
		w -= p.LR * 2 * w // gradient descent on w²
		if err := trial.Report(int64(epoch), trial.Metrics{"val_loss": w * w}); err != nil {
			log.Fatal(err)
		}
		if trial.ShouldStop() {
			break
		}
	}
	fmt.Println("w =", w)
	// Output:
	// {"step": 0, "val_loss": 0.25}
	// {"step": 1, "val_loss": 0.0625}
	// {"step": 2, "val_loss": 0.015625}
	// w = 0.125
}
