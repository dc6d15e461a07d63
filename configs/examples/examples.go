// Package examples holds the sweep files that trawl ships and the data that
// they need, embedded so that the binary alone can run them.
package examples

import "embed"

// FS holds the sweep files (*.yaml) at its root and, below data/, sets for the
// built-in trainer: the 10,000 images of the MNIST test set with their labels
// (`data: mnist`), tumours to be classified (`breast-cancer`) and the prices of
// cars (`automobile`). data/LICENSE says whose they are.
//
//go:embed *.yaml data
var FS embed.FS
