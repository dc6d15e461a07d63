package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A GPU is a graphics processor as nvidia-smi shows it.
type GPU struct {
	Index   int
	UUID    string // "GPU-…": its name in CUDA_VISIBLE_DEVICES
	Name    string
	Driver  string
	TotalMB float64 // memory, MiB; 0: not told
	UsedMB  float64
	Foreign string // who else holds more than foreignMB of it; "" if nobody
	Broken  string // what nvidia-smi says of one that cannot be used: "GPU is lost"
	Part    string // UUID of the GPU that this MIG device is a part of; "": it is whole
}

// foreignMB is the GPU memory, in MiB, that a process of somebody else may hold
// before its GPU counts as taken: a desktop needs some of it.
const foreignMB = 500

const (
	smiFields  = "index,uuid,name,memory.total,memory.used,driver_version"
	appFields  = "gpu_uuid,pid,used_memory"
	smiPatient = 20 * time.Second // a driver that has to be loaded first takes a while
	smiEvery   = time.Second
	appsEvery  = 2 * time.Second
)

// smi is an nvidia-smi.
type smi string

// findSMI returns nvidia-smi as PATH has it, "" if there is none.
func findSMI() smi {
	path, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return ""
	}
	return smi(path)
}

// warnings are the exit statuses of an nvidia-smi that has answered, and found a
// power cable, an interrupt or an infoROM amiss (nvidia-smi(1), RETURN VALUE).
var warnings = []int{8, 10, 14}

// once runs it to its end. With an error, which says its words, there may be
// output, too.
func (p smi) once(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, smiPatient)
	defer cancel()
	cmd := exec.CommandContext(ctx, string(p), args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	said := string(out)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if slices.Contains(warnings, exit.ExitCode()) {
			return out, nil
		}
		said += string(exit.Stderr)
	}
	if line, _, _ := strings.Cut(strings.TrimSpace(said), "\n"); line != "" {
		return out, fmt.Errorf("nvidia-smi: %s", line)
	}
	return out, fmt.Errorf("nvidia-smi: %w", err)
}

// ListGPUs asks nvidia-smi for the GPUs that visible, a CUDA_VISIBLE_DEVICES,
// leaves of this machine's; all if set is false. The devices of a GPU that MIG
// divides stand in its place. There are none without an nvidia-smi on PATH. One
// that fails and names no GPU is an error that says its words.
func ListGPUs(ctx context.Context, visible string, set bool) ([]GPU, error) {
	p := findSMI()
	if p == "" || set && strings.TrimSpace(visible) == "" {
		return nil, nil
	}
	var parts map[string][]GPU
	var wg sync.WaitGroup
	wg.Go(func() { parts = p.parts(ctx) })
	out, err := p.once(ctx, "--query-gpu="+smiFields, "--format=csv,noheader,nounits")
	wg.Wait()
	var all []GPU
	for line := range strings.Lines(string(out)) {
		if g, ok := parseGPU(line); ok {
			all = append(all, divide(g, parts[g.UUID])...)
		}
	}
	if err != nil && len(all) == 0 && !strings.Contains(string(out), "No devices were found") {
		return nil, err
	}
	if set {
		all = visibleOf(all, visible)
	}
	for i := range all {
		if all[i].UsedMB > foreignMB {
			return all, p.nameForeign(ctx, all)
		}
	}
	return all, nil
}

// nameForeign fills in Foreign.
func (p smi) nameForeign(ctx context.Context, gpus []GPU) error {
	apps, err := p.apps(ctx)
	if err != nil {
		return err
	}
	for i := range gpus {
		gpus[i].Foreign = foreign(apps, gpus[i].UUID)
	}
	return nil
}

// untold are what nvidia-smi writes for a field that a sound GPU has no answer
// for; any other words in brackets are those of a fault.
var untold = []string{"[N/A]", "[Not Supported]", "[Not Found]", "[Insufficient Permissions]", "[Requested functionality has been deprecated]"}

// parseGPU reads a line of the answer to smiFields. A unit behind a number is
// allowed, and what the driver does not tell is 0. A GPU without a name for
// CUDA_VISIBLE_DEVICES is none.
func parseGPU(line string) (g GPU, ok bool) {
	f := fields(line)
	if len(f) < 2 {
		return g, false
	}
	var err error
	if g.Index, err = strconv.Atoi(f[0]); err != nil || f[1] == "" || f[1][0] == '[' {
		return g, false
	}
	for _, v := range f[2:] {
		if strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") && !slices.Contains(untold, v) {
			g.Broken = v[1 : len(v)-1]
		}
	}
	g.UUID = f[1]
	at := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	g.Name, g.TotalMB, g.UsedMB, g.Driver = at(2), mebibytes(at(3)), mebibytes(at(4)), at(5)
	return g, true
}

func fields(line string) []string {
	f := strings.Split(strings.TrimSpace(line), ",")
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	return f
}

func mebibytes(s string) float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "MiB")), 64)
	if err != nil || v < 0 || v > 1<<40 {
		return 0
	}
	return v
}

// visibleOf are the GPUs that a CUDA_VISIBLE_DEVICES names, in its order: by
// index, by UUID, or by a beginning of a UUID that no other has. As in CUDA, the
// first that is none of them, or that was named before, ends the list; of a GPU
// that MIG divides its name means the first device. Indices are nvidia-smi's, in
// the order of the PCI bus.
//
// NVIDIA, CUDA C++ Programming Guide, CUDA Environment Variables; Multi-Instance
// GPU User Guide, CUDA Device Enumeration.
func visibleOf(all []GPU, visible string) []GPU {
	var out []GPU
	for name := range strings.SplitSeq(visible, ",") {
		i := named(all, strings.TrimSpace(name))
		if i < 0 || slices.ContainsFunc(out, func(g GPU) bool { return g.UUID == all[i].UUID }) {
			return out
		}
		out = append(out, all[i])
	}
	return out
}

// named is the place of the GPU with this index or UUID, -1 if it is not one's.
func named(all []GPU, name string) int {
	if n, err := strconv.Atoi(name); err == nil {
		return slices.IndexFunc(all, func(g GPU) bool { return g.Index == n })
	}
	if len(name) <= len("GPU-") {
		return -1
	}
	found, of := -1, ""
	for i, g := range all {
		uuid := g.UUID
		if !strings.HasPrefix(uuid, name) {
			uuid = g.Part
		}
		switch {
		case !strings.HasPrefix(uuid, name) || uuid == of:
		case found >= 0:
			return -1 // the beginning of two
		default:
			found, of = i, uuid
		}
	}
	return found
}

var (
	listedGPU  = regexp.MustCompile(`^GPU (\d+): .*\(UUID: (GPU-[^)]+)\)`)
	listedPart = regexp.MustCompile(`^\s+MIG\s+(\S+)\s+Device\s+\d+:\s+\(UUID:\s+(MIG-[^)]+)\)`)
	partMemory = regexp.MustCompile(`\.(\d+)gb`)
)

// parts are the devices that MIG has made of GPUs, by the UUID of the GPU, with
// the memory that their names promise: "1g.10gb". What each of them uses
// nvidia-smi does not tell in a list.
func (p smi) parts(ctx context.Context) map[string][]GPU {
	out, err := p.once(ctx, "-L")
	if err != nil {
		return nil // the question for the GPUs meets it, too
	}
	parts := map[string][]GPU{}
	whole := ""
	for line := range strings.Lines(string(out)) {
		if m := listedGPU.FindStringSubmatch(line); m != nil {
			whole = m[2]
		} else if m := listedPart.FindStringSubmatch(line); m != nil && whole != "" {
			g := GPU{UUID: m[2], Name: "MIG " + m[1], Part: whole}
			if gb := partMemory.FindStringSubmatch(m[1]); gb != nil {
				n, _ := strconv.Atoi(gb[1]) // digits
				g.TotalMB = float64(n) * 1e9 / (1 << 20)
			}
			parts[whole] = append(parts[whole], g)
		}
	}
	return parts
}

// divide puts the parts of a GPU in its place.
func divide(g GPU, parts []GPU) []GPU {
	if len(parts) == 0 {
		return []GPU{g}
	}
	for i := range parts {
		parts[i].Index, parts[i].Driver, parts[i].Broken = g.Index, g.Driver, g.Broken
		parts[i].Name = g.Name + " " + parts[i].Name
	}
	return parts
}

// app is a process that holds memory of a GPU.
type app struct {
	uuid  string
	pid   int
	mb    float64
	token string // of the attempt that it belongs to
	named string // its command, for people
	known bool   // its environment could be read, or it is gone
}

func (p smi) apps(ctx context.Context) ([]app, error) {
	out, err := p.once(ctx, "--query-compute-apps="+appFields, "--format=csv,noheader,nounits")
	if err != nil {
		return nil, err
	}
	var apps []app
	for line := range strings.Lines(string(out)) {
		f := fields(line)
		if len(f) < 3 {
			continue // "No running processes found"
		}
		pid, err := strconv.Atoi(f[1])
		if err != nil {
			continue
		}
		a := app{uuid: f[0], pid: pid, mb: mebibytes(f[2])}
		a.look()
		apps = append(apps, a)
	}
	return apps, nil
}

// look finds out whose process it is.
func (a *app) look() {
	proc := "/proc/" + strconv.Itoa(a.pid)
	if name, err := os.ReadFile(proc + "/comm"); err == nil {
		a.named = strings.TrimSpace(string(name))
	}
	env, err := os.ReadFile(proc + "/environ")
	if err != nil {
		return // another user's, or of another container
	}
	a.known = true
	for kv := range strings.SplitSeq(string(env), "\x00") {
		if t, ok := strings.CutPrefix(kv, "TRAWL_TOKEN="); ok {
			a.token = t
		}
	}
}

// foreign says which process that is surely no trial holds more than foreignMB
// of a GPU.
func foreign(apps []app, uuid string) string {
	for _, a := range apps {
		if a.uuid != uuid || a.mb <= foreignMB || a.token != "" {
			continue
		}
		who := fmt.Sprintf("process %d", a.pid)
		if a.named != "" {
			who += " (" + a.named + ")"
		}
		return fmt.Sprintf("%s holds %.0f MiB", who, a.mb)
	}
	return ""
}

// follow keeps one nvidia-smi that tells of all GPUs every second, until ctx
// is done; one that ends is started again. The thread that starts it lives as
// long, so that it dies with this process.
func (p smi) follow(ctx context.Context, each func(GPU)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for ctx.Err() == nil {
		p.stream(ctx, each)
		select {
		case <-ctx.Done():
		case <-time.After(smiEvery):
		}
	}
}

func (p smi) stream(ctx context.Context, each func(GPU)) {
	cmd := exec.Command(string(p), "--query-gpu="+smiFields, "--format=csv,noheader,nounits", "-l", "1")
	cmd.SysProcAttr = helperAttr()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return
	}
	if err := cmd.Start(); err != nil {
		return // the next try may do better; until then what is known counts
	}
	var once sync.Once
	end := func() { once.Do(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); out.Close() }) }
	stop := context.AfterFunc(ctx, end)
	defer stop()
	lines := bufio.NewReaderSize(io.LimitReader(out, 1<<40), 1<<12)
	for {
		line, err := lines.ReadString('\n')
		if g, ok := parseGPU(line); ok {
			each(g)
		}
		if err != nil {
			break
		}
	}
	end()
	_ = cmd.Wait() // it was killed, or has said what it can
}
