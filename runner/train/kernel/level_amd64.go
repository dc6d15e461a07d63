package kernel

import "golang.org/x/sys/cpu"

// best is the best isa of this machine, as far as the operating system saves
// its registers.
func best() isa {
	switch x := &cpu.X86; {
	case !x.HasAVX2 || !x.HasFMA:
		return plain
	case x.HasAVX512F && x.HasAVX512VL && x.HasAVX512BW && x.HasAVX512DQ:
		return avx512
	default:
		return avx2
	}
}
