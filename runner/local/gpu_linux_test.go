package local

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/runnertest"
	"github.com/trawl-sweep/trawl/sweep"
)

// pretend puts a stand-in for nvidia-smi on PATH that answers with the files
// gpus and apps of the directory that is returned.
func pretend(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	script := `#!/bin/sh
cd "` + dir + `" || exit 1
once() {
	case $1 in
	--query-gpu=*) cat gpus ;;
	--query-compute-apps=*) cat apps ;;
	-L) cat list 2>/dev/null ;;
	esac
}
once "$1"
[ "$3" = -l ] || exit 0
while sleep 0.02; do once "$1"; done
`
	write(t, filepath.Join(dir, "nvidia-smi"), script)
	if err := os.Chmod(filepath.Join(dir, "nvidia-smi"), 0o755); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d, GPU-%c, Pretended, 80000, 4, 550.1\n", i, 'a'+i)
	}
	write(t, filepath.Join(dir, "gpus"), b.String())
	write(t, filepath.Join(dir, "apps"), "")
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		t.Fatal(err)
	}
}

func devices(t *testing.T, locks string) *Devices {
	t.Helper()
	gpus, err := ListGPUs(t.Context(), "", false)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDevices(gpus, locks, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func gpus(n float64) runner.Need { return runner.Need{Resources: sweep.Resources{GPUs: n}} }

func TestParseGPU(t *testing.T) {
	for _, tt := range []struct {
		line string
		want GPU
		ok   bool
	}{
		{"0, GPU-x, NVIDIA H100, 81559, 4, 550.54\n", GPU{UUID: "GPU-x", Name: "NVIDIA H100", TotalMB: 81559, UsedMB: 4, Driver: "550.54"}, true},
		{"7, GPU-x, T4, 15360 MiB, 12 MiB, 1\r\n", GPU{Index: 7, UUID: "GPU-x", Name: "T4", TotalMB: 15360, UsedMB: 12, Driver: "1"}, true},
		{"1, GPU-x, Spark, [N/A], [Not Supported], 1", GPU{Index: 1, UUID: "GPU-x", Name: "Spark", Driver: "1"}, true},
		{"0, GPU-x, A100, [Insufficient Permissions], [Insufficient Permissions], 535.1", GPU{UUID: "GPU-x", Name: "A100", Driver: "535.1"}, true}, // under MIG
		{"3, GPU-x, [Unknown Error], [GPU is lost], [GPU is lost], 1", GPU{Index: 3, UUID: "GPU-x", Name: "[Unknown Error]", Driver: "1", Broken: "GPU is lost"}, true},
		{"3, [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], 1", GPU{}, false},
		{"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed, and running.", GPU{}, false},
		{"Unable to determine the device handle for GPU0000:65:00.0: Unknown Error", GPU{}, false},
		{"1, GPU-x", GPU{Index: 1, UUID: "GPU-x"}, true},
		{"index, uuid, name", GPU{}, false},
		{"No devices were found", GPU{}, false},
		{"", GPU{}, false},
		{"1, ", GPU{}, false},
	} {
		got, ok := parseGPU(tt.line)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%q: got %+v, %v", tt.line, got, ok)
		}
	}
}

func TestVisibleGPUs(t *testing.T) {
	pretend(t, 4)
	for _, tt := range []struct {
		visible string
		set     bool
		want    string
	}{
		{"", false, "a b c d"},
		{"", true, ""},
		{"-1", true, ""},
		{"2,0", true, "c a"},
		{"GPU-b, GPU-d", true, "b d"},
		{"1,9,2", true, "b"},     // as in CUDA: an invalid one ends the list
		{"GPU-", true, ""},       // the beginning of all is the name of none
		{"0,0,1", true, "a"},     // one GPU twice
		{"NoDevFiles", true, ""}, // Slurm's word for none
		{" 1 , 2 ", true, "b c"},
	} {
		got, err := ListGPUs(t.Context(), tt.visible, tt.set)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, g := range got {
			names = append(names, strings.TrimPrefix(g.UUID, "GPU-"))
		}
		if strings.Join(names, " ") != tt.want {
			t.Errorf("%q: got %v, want %s", tt.visible, names, tt.want)
		}
	}
}

// The devices that MIG makes of a GPU stand in its place, and are named by
// their own UUIDs, of drivers old and new.
func TestDividedGPUs(t *testing.T) {
	dir := pretend(t, 0)
	write(t, filepath.Join(dir, "gpus"), "0, GPU-aa11, NVIDIA A100-SXM4-40GB, [Insufficient Permissions], [Insufficient Permissions], 535.1\n1, GPU-aa22, NVIDIA T4, 15360, 4, 535.1\n")
	write(t, filepath.Join(dir, "list"), `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa11)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef)
  MIG 1c.2g.10gb  Device  1: (UUID: MIG-GPU-aa11/7/0)
GPU 1: NVIDIA T4 (UUID: GPU-aa22)
`)
	for _, tt := range []struct {
		visible string
		set     bool
		want    string
	}{
		{"", false, "MIG-c6d4f1ef MIG-GPU-aa11/7/0 GPU-aa22"},
		{"MIG-GPU-aa11/7/0,1", true, "MIG-GPU-aa11/7/0 GPU-aa22"},
		{"MIG-c6d", true, "MIG-c6d4f1ef"},
		{"0,1", true, "MIG-c6d4f1ef GPU-aa22"}, // CUDA takes the first device of a divided GPU
		{"GPU-aa11", true, "MIG-c6d4f1ef"},
		{"GPU-aa", true, ""}, // the beginning of two
		{"MIG-", true, ""},
	} {
		got, err := ListGPUs(t.Context(), tt.visible, tt.set)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, g := range got {
			names = append(names, g.UUID)
		}
		if strings.Join(names, " ") != tt.want {
			t.Errorf("%q: got %v, want %s", tt.visible, names, tt.want)
		}
	}
	got, _ := ListGPUs(t.Context(), "", false)
	want := GPU{UUID: "MIG-c6d4f1ef", Name: "NVIDIA A100-SXM4-40GB MIG 3g.20gb", Driver: "535.1", Part: "GPU-aa11", TotalMB: 20e9 / (1 << 20)}
	if len(got) != 3 || got[0] != want || got[1].TotalMB != 10e9/(1<<20) {
		t.Errorf("got %+v, want first %+v", got, want)
	}
	d := devices(t, t.TempDir())
	seen := map[string]bool{}
	for range 3 {
		g, why := d.Take(gpus(1))
		if g == nil {
			t.Fatal(why)
		}
		seen[strings.TrimPrefix(g.Env[0], "CUDA_VISIBLE_DEVICES=")] = true
	}
	if !seen["MIG-c6d4f1ef"] || !seen["MIG-GPU-aa11/7/0"] || !seen["GPU-aa22"] {
		t.Errorf("handed out: %v", seen)
	}
}

// A GPU that has fallen off the bus is never handed out, be it lost later.
func TestLostGPUs(t *testing.T) {
	dir := pretend(t, 2)
	lost := "0, GPU-a, P, 80000, 4, 1\n1, GPU-b, P, [GPU is lost], [GPU is lost], 1\n"
	d := devices(t, t.TempDir())
	eventually(t, d, gpus(2), "")
	write(t, filepath.Join(dir, "gpus"), lost)
	eventually(t, d, gpus(2), "GPU 1: GPU is lost")
	eventually(t, d, gpus(1), "")
}

// What nvidia-smi does not tell of processes is no process, and no memory.
func TestAppsOfSMI(t *testing.T) {
	dir := pretend(t, 1)
	write(t, filepath.Join(dir, "apps"), fmt.Sprintf("GPU-a, %d, [N/A]\nGPU-a, [Insufficient Permissions], [Insufficient Permissions]\n"+
		"GPU-a, %[1]d, 700 MiB\nNo running processes found\nGPU-a, 4194305, 900\n", os.Getpid()))
	got, err := findSMI().apps(t.Context())
	if err != nil || len(got) != 3 || got[0].mb != 0 || got[1].mb != 700 || !got[1].known || got[2].mb != 900 || got[2].known {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFailingSMI(t *testing.T) {
	dir := pretend(t, 1)
	for _, tt := range []struct {
		said   string
		status int
		n      int
		err    string
	}{
		{"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", 9, 0, "couldn't communicate"},
		{"Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.161", 18, 0, "version mismatch"},
		{"No devices were found", 6, 0, ""},
		{"No devices were found", 0, 0, ""},
		{"0, GPU-a, P, 80000, 4, 1\nWARNING: infoROM is corrupted at gpu 0000:01:00.0", 14, 1, ""}, // a warning is no failure
	} {
		write(t, filepath.Join(dir, "nvidia-smi"), fmt.Sprintf("#!/bin/sh\ncat <<'.'\n%s\n.\nexit %d\n", tt.said, tt.status))
		if err := os.Chmod(filepath.Join(dir, "nvidia-smi"), 0o755); err != nil {
			t.Fatal(err)
		}
		got, err := ListGPUs(t.Context(), "", false)
		if _, aerr := findSMI().apps(t.Context()); (aerr == nil) != (tt.status == 0 || tt.status == 14) {
			t.Errorf("%q: processes: %v", tt.said, aerr)
		}
		if len(got) != tt.n || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: got %v, %v", tt.said, got, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if got, err := ListGPUs(t.Context(), "", false); err != nil || got != nil {
		t.Errorf("without nvidia-smi: got %v, %v", got, err)
	}
}

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		gpus      float64
		n, trials int
	}{{0.5, 1, 2}, {0.25, 1, 4}, {1.0 / 3, 1, 3}, {0.33, 1, 3}, {0.34, 1, 2}, {0.9, 1, 1}, {1, 1, 1}, {4, 4, 1}, {0.1, 1, 10}} {
		if n, k := Share(tt.gpus); n != tt.n || k != tt.trials {
			t.Errorf("%g: got %d GPUs, %d trials; want %d, %d", tt.gpus, n, k, tt.n, tt.trials)
		}
	}
}

// TestNeverMoreThanAll lets trawls with wishes of every size take and give back
// side by side: nothing is ever handed out beyond a whole.
func TestNeverMoreThanAll(t *testing.T) {
	pretend(t, 3)
	locks := t.TempDir()
	var mu sync.Mutex // the ledger is shared
	taken := map[string]float64{}
	used := map[string]bool{}
	var wg sync.WaitGroup
	for _, want := range []float64{0.5, 0.25, 1, 2, 1.0 / 3, 0.5} {
		d := devices(t, locks)
		wg.Go(func() {
			var mine []*runner.Grant
			give := func() {
				g := mine[0]
				mine = mine[1:]
				mu.Lock()
				for _, u := range g.GPUs {
					taken[u] -= g.Share / float64(len(g.GPUs))
				}
				g.Release()
				mu.Unlock()
			}
			for range 300 {
				mu.Lock()
				g, why := d.Take(gpus(want))
				if g == nil && why == "" {
					t.Error("refused without a word")
				}
				if g != nil {
					mine = append(mine, g)
					for _, u := range g.GPUs {
						used[u] = true
						if taken[u] += g.Share / float64(len(g.GPUs)); taken[u] > 1+1e-9 {
							t.Errorf("%g of %s are given away", taken[u], u)
						}
					}
				}
				mu.Unlock()
				if g == nil && len(mine) > 0 || len(mine) > 2 {
					give()
				}
			}
			for len(mine) > 0 {
				give()
			}
		})
	}
	wg.Wait()
	if len(used) != 3 {
		t.Errorf("used %v, want all three", used)
	}
	whole := devices(t, locks)
	for range 3 {
		if g, why := whole.Take(gpus(1)); g == nil {
			t.Errorf("after all were given back: %s", why)
		}
	}
}

// The supervisor holds a trial's GPUs when trawl is gone, and no longer than the
// trial lives.
func TestSupervisorHoldsGPUs(t *testing.T) {
	pretend(t, 1)
	locks, dir := t.TempDir(), t.TempDir()
	d := devices(t, locks)
	b, err := New(Options{RunsDir: dir, Slots: 1, Devices: d})
	if err != nil {
		t.Fatal(err)
	}
	j := shell(dir, 1, "touch here; exec sleep 300")
	j.Grant, _ = d.Take(gpus(0.5))
	if err := b.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, filepath.Join(dir, "here"))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	d.Close()

	other := devices(t, locks)
	if g, _ := other.Take(gpus(1)); g != nil {
		t.Fatal("a GPU was given away that a trial has half of")
	}
	half, why := other.Take(gpus(0.5))
	if half == nil {
		t.Fatalf("the other half: %s", why)
	}
	if g, _ := other.Take(gpus(0.5)); g != nil {
		t.Fatal("a third half")
	}
	half.Release()

	again := backend(t, dir)
	j.Grant = nil
	if err := again.Recover(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	again.Stop(j.Name, sweep.StopKill, true)
	runnertest.Await(t, again, j.Name, map[string][]runner.Update{})
	if g, why := other.Take(gpus(1)); g == nil {
		t.Errorf("after its end: %s", why)
	}
}

// eventually awaits that a GPU is given, or refused with these words.
func eventually(t *testing.T, d *Devices, need runner.Need, words string) {
	t.Helper()
	var g *runner.Grant
	var why string
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		g, why = d.Take(need)
		g.Release()
		if (words == "") == (g != nil) && strings.Contains(why, words) {
			return
		}
	}
	t.Fatalf("got %v, %q; want %q", g, why, words)
}

func TestForeignGPUsAreLeftAlone(t *testing.T) {
	dir := pretend(t, 2)
	mine := fmt.Sprintf("GPU-a, %d, 2000\n", os.Getpid()) // this test is no trial
	write(t, filepath.Join(dir, "gpus"), "0, GPU-a, P, 80000, 2004, 1\n1, GPU-b, P, 80000, 404, 1\n")
	write(t, filepath.Join(dir, "apps"), mine+fmt.Sprintf("GPU-b, %d, 400\n", os.Getpid()))
	list, err := ListGPUs(t.Context(), "", false)
	if err != nil || !strings.Contains(list[0].Foreign, fmt.Sprintf("process %d (", os.Getpid())) || list[1].Foreign != "" {
		t.Fatalf("listed: %+v, %v", list, err)
	}
	d := devices(t, t.TempDir())
	for range 2 {
		g, why := d.Take(gpus(0.5))
		if g == nil || g.GPUs[0] != "GPU-b" {
			t.Fatalf("got %+v, %s; want GPU-b", g, why)
		}
	}
	eventually(t, d, gpus(0.5), "GPU 0: process")
	write(t, filepath.Join(dir, "apps"), "")
	write(t, filepath.Join(dir, "gpus"), "0, GPU-a, P, 80000, 4, 1\n1, GPU-b, P, 80000, 404, 1\n")
	eventually(t, d, gpus(0.5), "")
	// What a trial held is seen for a while after its end: no reason to wait,
	// unless it stays.
	a := d.gpus[0]
	write(t, filepath.Join(dir, "gpus"), "0, GPU-a, P, 80000, 3000, 1\n1, GPU-b, P, 80000, 404, 1\n")
	for until := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		d.mu.Lock()
		a.freed, a.high = time.Now(), a.at
		now, later := a.UsedMB, d.refuse(a, false, 0)
		a.high = time.Now().Add(-time.Hour)
		stays := d.refuse(a, false, 0)
		d.mu.Unlock()
		if now == 3000 && later == "" && stays != "" {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("%g MiB in use: %q at first, %q for an hour", now, later, stays)
		}
	}
	// One that nvidia-smi does not name, in another container perhaps, is seen
	// by what it holds.
	write(t, filepath.Join(dir, "gpus"), "0, GPU-a, P, 80000, 3000, 1\n")
	if g, why := devices(t, t.TempDir()).Take(gpus(1)); g != nil || !strings.Contains(why, "GPU 0: 3000 MiB of it are in use by others") {
		t.Errorf("got %v, %q", g, why)
	}
}

func TestGPUMemoryIsWaitedFor(t *testing.T) {
	dir := pretend(t, 1)
	write(t, filepath.Join(dir, "gpus"), "0, GPU-a, P, 40000, 100, 1\n")
	d := devices(t, t.TempDir())
	need := gpus(0.25)
	need.GPUMemory = 15000 << 20
	for i := range 2 {
		if g, why := d.Take(need); g == nil {
			t.Fatalf("%d: %s", i, why)
		}
	}
	if g, why := d.Take(need); g != nil || !strings.Contains(why, "10000 MiB of it are free") {
		t.Fatalf("a third of 15000 in 40000 MiB: %+v, %q", g, why)
	}
	need.GPUMemory = 9000 << 20
	write(t, filepath.Join(dir, "gpus"), "0, GPU-a, P, 40000, 35000, 1\n")
	eventually(t, d, need, "5000 MiB of it are free")
	write(t, filepath.Join(dir, "gpus"), "0, GPU-a, P, 40000, 1000, 1\n")
	eventually(t, d, need, "")
}

// What a trial was seen to hold of a GPU is in its exit.
func TestGPUMemoryOfATrial(t *testing.T) {
	dir := pretend(t, 1)
	runs := t.TempDir()
	d := devices(t, t.TempDir())
	b, err := New(Options{RunsDir: runs, Slots: 1, Devices: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	j := shell(runs, 1, `until [ -e seen ]; do sleep 0.01; done`)
	j.Grant, _ = d.Take(gpus(1))
	if err := b.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "gpus"), "0, GPU-a, P, 40000, 1234, 1\n")
	for until := time.Now().Add(patience); j.Grant.PeakMB() != 1234; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("seen: %g MiB", j.Grant.PeakMB())
		}
	}
	write(t, filepath.Join(runs, "seen"), "")
	if x := runnertest.Await(t, b, j.Name, map[string][]runner.Update{}); x.GPUMemMB != 1234 {
		t.Errorf("got %g MiB, want 1234", x.GPUMemMB)
	}
	d.tellApps([]app{{uuid: "GPU-a", mb: 300, token: "x"}, {uuid: "GPU-b", mb: 400, token: "x"}})
	d.tellApps([]app{{uuid: "GPU-a", mb: 10, token: "x"}})
	if got := []float64{d.peak("x"), d.peak("x"), d.peak("y")}; !slices.Equal(got, []float64{700, 0, 0}) {
		t.Errorf("peaks: %v", got)
	}
}

func TestMemoryIsWaitedFor(t *testing.T) {
	d, err := NewDevices(nil, "", true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	for _, tt := range []struct {
		need runner.Need
		ok   bool
	}{
		{runner.Need{}, true},
		{runner.Need{Running: 1, PeakMB: 1}, true},
		{runner.Need{Running: 1, PeakMB: 1 << 40}, false},
		{runner.Need{Running: 0, PeakMB: 1 << 40}, true}, // nothing to wait for
	} {
		if g, why := d.Take(tt.need); (g != nil) != tt.ok || (why == "") != tt.ok {
			t.Errorf("%+v: got %v, %q", tt.need, g, why)
		}
	}
	if n := UsableMemory(); n < 64<<20 || FreeMemory() > n {
		t.Errorf("%d bytes usable, %d free", n, FreeMemory())
	}
}
