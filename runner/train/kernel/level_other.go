//go:build !amd64

package kernel

// best is plain: there is no assembly for this processor.
func best() isa { return plain }
