// Package examples holds the sweep files that trawl ships and the data that
// they need, embedded so that the binary alone can run them.
package examples

import "embed"

// FS holds the sweep files (*.yaml) at its root and, below data/, the 10,000
// images of the MNIST test set with their labels, for `data: mnist` of the
// built-in trainer.
//
//go:embed *.yaml data
var FS embed.FS
