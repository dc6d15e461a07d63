package inproc

import (
	"syscall"
	"time"
)

// rusageThread is RUSAGE_THREAD of Linux, which package syscall does not name.
const rusageThread = 1

// threadSeconds is the CPU time that this thread has used, -1 if unknown.
func threadSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(rusageThread, &u) != nil {
		return -1
	}
	return (time.Duration(u.Utime.Nano()) + time.Duration(u.Stime.Nano())).Seconds()
}
