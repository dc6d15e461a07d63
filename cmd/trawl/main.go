// Command trawl runs hyperparameter sweeps: a sweep file in, trials side by
// side, ranked rows in SQLite out. See the README and `trawl --help`.
package main

import (
	"context"
	"os"

	"github.com/trawl-sweep/trawl/runner/local"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "__supervise" {
		os.Exit(local.Supervise(os.Args[2:])) // one per slot: nothing else of trawl is set up for it
	}
	os.Exit(run(context.Background(), os.Stdin, os.Stdout, os.Stderr, os.Args[1:]))
}
