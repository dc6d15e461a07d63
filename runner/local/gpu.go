package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/trawl-sweep/trawl/runner"
)

// LockDir is where the users of a machine lock its GPUs, each in a file named
// after its UUID.
const LockDir = "/tmp/trawl-gpus"

// wholeGPU is the number of bytes in a lock file that stand for the GPU: whoever
// has locked a part of them has that part of the GPU. A share of 1/k is one of
// the k equal parts, so shares of any size exclude each other where together
// they would be more than one GPU. (The bytes need not exist.)
const wholeGPU = 1 << 20

// freshAfter is how long nvidia-smi may still show what a trial had held that
// has just ended.
const freshAfter = 3 * time.Second

// lastsAfter is how long that may be so without a pause, though one short trial
// follows the other: then a look at the idle GPU shows whose the memory is.
const lastsAfter = 10 * time.Second

// Devices are the GPUs that trials of this machine get, and its memory. It
// implements runner.Slots.
//
// A GPU belongs to whoever holds its lock, an open file description lock: trawl
// takes it, the supervisor of the trial gets a copy, and the kernel frees it
// when both are closed or dead. So other trawls, of any user, see it taken, also
// after a kill of this one, and nothing need be remembered on resume.
type Devices struct {
	dir    string
	smi    smi
	memory bool // wait for free memory
	cancel context.CancelFunc
	wg     sync.WaitGroup

	free   int64 // bytes of memory, as of looked
	looked time.Time

	mu    sync.Mutex // nvidia-smi's news and ended trials come from other goroutines than Take
	gpus  []*device
	next  int // where the search begins, so that all get their turn
	peaks map[string]float64
	held  map[*runner.Grant]*holding
}

// device is a GPU and what is known of it.
type device struct {
	GPU
	ours  int       // shares of it that trials of this trawl hold
	owed  float64   // MiB that those asked for
	freed time.Time // when the last one ended
	at    time.Time // of the news
	high  time.Time // since when more than foreignMB are in use; zero: they are not
	apps  []app
}

type holding struct {
	gpus  []*device
	mb    float64 // gpu_memory
	whole bool
	peak  float64
}

// NewDevices returns the devices for a sweep on these GPUs, with the locks in
// dir (made if it is not there; "" is LockDir). With memory, trials wait while
// the machine has less free memory than the largest of them has needed.
func NewDevices(gpus []GPU, dir string, memory bool) (*Devices, error) {
	if dir == "" {
		dir = LockDir
	}
	d := &Devices{dir: dir, smi: findSMI(), memory: memory, cancel: func() {}, peaks: map[string]float64{}, held: map[*runner.Grant]*holding{}}
	now := time.Now()
	for _, g := range gpus {
		d.gpus = append(d.gpus, &device{GPU: g, at: now})
	}
	if len(gpus) == 0 {
		return d, nil
	}
	if err := shareDir(dir); err != nil {
		return nil, fmt.Errorf("locks of GPUs: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.wg.Add(2)
	go func() { defer d.wg.Done(); d.smi.follow(ctx, d.tell) }()
	go func() { defer d.wg.Done(); d.watchApps(ctx) }()
	return d, nil
}

// Close ends the watch over the GPUs. Grants stay.
func (d *Devices) Close() {
	d.cancel()
	d.wg.Wait()
}

// shareDir makes a directory in which every user may put files.
func shareDir(dir string) error {
	err := os.Mkdir(dir, 0o777)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return os.Chmod(dir, 0o777|fs.ModeSticky)
}

// tell takes news of a GPU.
func (d *Devices) tell(g GPU) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range d.gpus {
		if v.UUID == g.UUID {
			v.TotalMB, v.UsedMB, v.Broken, v.at = g.TotalMB, g.UsedMB, g.Broken, time.Now()
			if v.UsedMB <= foreignMB {
				v.high = time.Time{}
			} else if v.high.IsZero() {
				v.high = v.at
			}
		}
	}
	for _, h := range d.held {
		if !h.whole {
			continue
		}
		sum := 0.0
		for _, v := range h.gpus {
			sum += v.UsedMB
		}
		h.peak = max(h.peak, sum)
	}
}

// watchApps looks who holds GPU memory, as long as anybody does.
func (d *Devices) watchApps(ctx context.Context) {
	tick := time.NewTicker(appsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.mu.Lock()
		idle := !slices.ContainsFunc(d.gpus, func(v *device) bool { return v.UsedMB > foreignMB || v.ours > 0 && v.UsedMB > 0 || v.Foreign != "" })
		d.mu.Unlock()
		if idle {
			continue
		}
		apps, err := d.smi.apps(ctx)
		if err != nil {
			continue // what is known counts until it answers again
		}
		d.tellApps(apps)
	}
}

func (d *Devices) tellApps(apps []app) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sums := map[string]float64{}
	for _, a := range apps {
		if a.token != "" {
			sums[a.token] += a.mb
		}
	}
	for token := range d.peaks { // of attempts that ended without a question
		if _, ok := sums[token]; !ok && len(d.peaks) > 1<<10 {
			delete(d.peaks, token)
		}
	}
	for token, mb := range sums {
		d.peaks[token] = max(d.peaks[token], mb)
	}
	for _, v := range d.gpus {
		v.apps = apps
		v.Foreign = foreign(apps, v.UUID)
	}
}

// peak returns and forgets the most GPU memory that an attempt was seen with.
func (d *Devices) peak(token string) float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	mb := d.peaks[token]
	delete(d.peaks, token)
	return mb
}

// Take reserves GPUs, or says why that must wait.
func (d *Devices) Take(need runner.Need) (*runner.Grant, string) {
	if why := d.short(need); why != "" {
		return nil, why
	}
	if need.GPUs <= 0 {
		return &runner.Grant{}, ""
	}
	n, parts := Share(need.GPUs)
	d.mu.Lock()
	defer d.mu.Unlock()
	g := &runner.Grant{Share: need.GPUs}
	h := &holding{mb: float64(need.GPUMemory) / (1 << 20), whole: parts == 1}
	var refused []string
	for _, v := range d.order() {
		f, why := d.lock(v, parts, h.mb)
		if f == nil {
			if why != "" {
				refused = append(refused, fmt.Sprintf("GPU %d: %s", v.Index, why))
			}
			continue
		}
		g.GPUs, g.Held, h.gpus = append(g.GPUs, v.UUID), append(g.Held, f), append(h.gpus, v)
		if len(g.GPUs) == n {
			d.give(g, h)
			return g, ""
		}
	}
	g.Release()
	why := fmt.Sprintf("waits for %s", gpusText(need.GPUs))
	if len(refused) > 0 {
		why += ": " + strings.Join(refused, "; ")
	}
	return nil, why
}

// Share splits a wish for GPUs: n of them, each shared by this many trials.
func Share(gpus float64) (n, trials int) {
	if gpus >= 1 {
		return int(gpus), 1
	}
	return 1, max(1, int(1/gpus+1e-9))
}

func gpusText(n float64) string {
	if n == 1 {
		return "1 GPU"
	}
	return fmt.Sprintf("%g GPUs", n)
}

// order are the GPUs with the least taken first, each in its turn.
func (d *Devices) order() []*device {
	out := append(slices.Clone(d.gpus[d.next:]), d.gpus[:d.next]...)
	slices.SortStableFunc(out, func(a, b *device) int { return a.ours - b.ours })
	return out
}

// give completes a grant.
func (d *Devices) give(g *runner.Grant, h *holding) {
	list := strings.Join(g.GPUs, ",")
	g.Env = []string{"CUDA_VISIBLE_DEVICES=" + list, "HIP_VISIBLE_DEVICES=" + list, "ROCR_VISIBLE_DEVICES=" + list}
	for _, v := range h.gpus {
		v.ours++
		v.owed += h.mb
	}
	d.next = (slices.Index(d.gpus, h.gpus[len(h.gpus)-1]) + 1) % len(d.gpus)
	d.held[g] = h
	g.PeakMB = func() float64 {
		d.mu.Lock()
		defer d.mu.Unlock()
		return h.peak
	}
	g.Freed = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.held, g)
		for _, v := range h.gpus {
			v.ours--
			v.owed -= h.mb
			v.freed = time.Now()
		}
	}
}

// lock takes one of the parts of a GPU. Without one it returns why, or "" where
// trials have them all.
func (d *Devices) lock(v *device, parts int, mb float64) (*os.File, string) {
	if v.ours >= parts {
		return nil, ""
	}
	f, err := openLock(filepath.Join(d.dir, lockName(v.UUID)))
	if err != nil {
		return nil, err.Error()
	}
	if why := d.refuse(v, lockedRange(f, 0, wholeGPU), mb); why != "" {
		f.Close()
		return nil, why
	}
	for k := range int64(parts) {
		from, to := k*wholeGPU/int64(parts), (k+1)*wholeGPU/int64(parts)
		if err := lockRange(f, from, to-from); err == nil {
			return f, ""
		} else if !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EACCES) {
			f.Close()
			return nil, err.Error()
		}
	}
	f.Close()
	return nil, ""
}

// refuse says why a GPU is not taken though its lock may be free. inUse tells
// that trials hold a part of it.
func (d *Devices) refuse(v *device, inUse bool, mb float64) string {
	switch {
	case v.Broken != "":
		return v.Broken
	case v.Foreign != "" && !(inUse && d.unclear(v)):
		return v.Foreign
	case !inUse && v.UsedMB > foreignMB && !v.lingers() && !slices.ContainsFunc(v.apps, func(a app) bool { return a.uuid == v.UUID && a.token != "" }):
		return fmt.Sprintf("%.0f MiB of it are in use by others", v.UsedMB)
	case mb > 0 && v.TotalMB > 0 && v.TotalMB-max(v.UsedMB, v.owed) < mb:
		return fmt.Sprintf("%.0f MiB of it are free; gpu_memory asks for %.0f", max(0, v.TotalMB-max(v.UsedMB, v.owed)), mb)
	}
	return ""
}

// lingers reports whether the memory in use may be that of a trial of ours that
// has just ended.
func (v *device) lingers() bool {
	return v.at.Before(v.freed.Add(freshAfter)) && v.at.Sub(v.high) < lastsAfter
}

// unclear reports whether what looks foreign may be a trial of another user: its
// environment cannot be read, and trials hold a part of the GPU.
func (d *Devices) unclear(v *device) bool {
	return !slices.ContainsFunc(v.apps, func(a app) bool { return a.uuid == v.UUID && a.mb > foreignMB && a.known && a.token == "" })
}

// lockName is a file name for a UUID, whatever nvidia-smi says.
func lockName(uuid string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, uuid) + ".lock"
}

// openLock opens a lock file, and makes one that every user can open. Where
// sticky directories are protected, a file of somebody else may be opened, but
// not with O_CREATE.
func openLock(path string) (*os.File, error) {
	for range 3 {
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue // somebody else was faster
		}
		if err != nil {
			return nil, err
		}
		if err := f.Chmod(0o666); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
	return nil, fmt.Errorf("%s: it comes and goes", path)
}

// short says that the machine has less free memory than a trial may need. Where
// nothing of the sweep runs there is nothing to wait for.
func (d *Devices) short(need runner.Need) string {
	if !d.memory || need.Running == 0 || need.PeakMB <= 0 {
		return ""
	}
	if now := time.Now(); now.Sub(d.looked) > 500*time.Millisecond {
		d.free, d.looked = FreeMemory(), now
	}
	if d.free < 0 || float64(d.free) >= need.PeakMB*(1<<20) {
		return ""
	}
	return fmt.Sprintf("waits for memory: %.0f MiB are free, and a trial has needed %.0f", float64(d.free)/(1<<20), need.PeakMB)
}
