//go:build unix && !linux

package local

// FreeMemory is not told on this system.
func FreeMemory() int64 { return -1 }

// UsableMemory is not told on this system.
func UsableMemory() int64 { return -1 }
