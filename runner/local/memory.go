package local

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

// memoryLook is how often the memory of a trial with a limit is looked at where
// no control group bounds it. A tree that takes more faster than that is the
// kernel's to end.
const memoryLook = 100 * time.Millisecond

// killsKnown is how old the count of the kernel's kills may be when a trial
// starts: what happened before is no trial's.
const killsKnown = 5 * time.Second

// confine gives the job a control group, if it has a limit and there can be one.
func (s *supervisor) confine(j *running, attr *syscall.SysProcAttr) {
	if j.memory <= 0 {
		return
	}
	if j.cage == nil {
		j.cage, _ = newCage(s.home, j.memory) // without one, the supervisor looks itself
	}
	if j.cage != nil {
		j.cage.into(attr)
	}
}

// watchMemory ends a job whose tree has more than its limit.
func (s *supervisor) watchMemory(now time.Time) {
	j := s.job
	if j.memory <= 0 || j.cage != nil || j.oom != "" || now.Before(j.weigh) {
		return
	}
	j.weigh = now.Add(memoryLook)
	n := treeMemory(descendants(os.Getpid()), j.memory)
	j.peak = max(j.peak, float64(n)/(1<<20))
	if n > j.memory {
		j.oom = fmt.Sprintf("its processes had %.0f MiB; resources.memory allows %.0f", float64(n)/(1<<20), float64(j.memory)/(1<<20))
		j.asked, j.kill = true, now
	}
}

// countKills notes how many the kernel has ended for want of memory.
func (s *supervisor) countKills(now time.Time) {
	if now.Sub(s.counted) >= killsKnown {
		s.kills, s.counted = oomKills(), now
	}
}

// blameMemory says in x if the job ended for want of memory.
func (s *supervisor) blameMemory(j *running, x *sweep.Exit) {
	killed, peak := j.cage.end()
	x.MaxRSSMB = max(x.MaxRSSMB, j.peak, peak)
	switch {
	case x.Code == 0 && x.Signal == 0:
		return
	case j.oom != "":
		x.Class, x.Message = sweep.ClassOOM, j.oom
	case killed:
		x.Class, x.Message = sweep.ClassOOM, fmt.Sprintf("its processes wanted more than the %.0f MiB that resources.memory allows", float64(j.memory)/(1<<20))
	case x.Signal == int(syscall.SIGKILL) && !j.asked && s.kills >= 0:
		if n := oomKills(); n > s.kills {
			s.kills = n
			x.Class, x.Message = sweep.ClassOOM, "the kernel ended it for want of memory"
		}
	}
}
