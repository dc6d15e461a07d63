package kernel

// peakLoop does n times 12 multiply-adds of vectors in registers, and returns
// how many of floats one of the n is.
func peakLoop(level string, n int) int {
	switch level {
	case "avx512":
		fmaPeakAVX512(n)
		return 12 * 16
	case "avx2":
		fmaPeakAVX2(n)
		return 12 * 8
	}
	return goPeak(n)
}
