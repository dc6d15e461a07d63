//go:build !amd64

package kernel

func peakLoop(level string, n int) int { return goPeak(n) }
