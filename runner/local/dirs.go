package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/metric/files"
)

// checkpointName is the folder in a trial's directory that is kept over attempts.
const checkpointName = "checkpoint"

// dirs makes the directories of trials, one ahead of its use: it is then there
// when the next trial waits for it.
type dirs struct {
	mu   sync.Mutex // launches run side by side
	next string     // made, not taken yet; "" if there is none
}

// prepare makes the trial's directory. What an attempt that the journal does
// not know has left there is moved aside.
func (d *dirs) prepare(job runner.Job) error {
	dir := job.TrialDir
	if !d.take(dir) {
		if err := makeDir(dir, job.Attempt); err != nil {
			return err
		}
	}
	if job.Attempt > 1 || job.Files != nil {
		if err := files.SetApart(dir, job.Files, job.Attempt); err != nil {
			return err
		}
	}
	for _, l := range job.Link {
		if err := os.Symlink(l, filepath.Join(dir, filepath.Base(l))); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return writeFile(filepath.Join(dir, ParamsName), job.Params)
}

func writeFile(path string, b []byte) error {
	fd, err := openPlain(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)
	if err != nil {
		return err
	}
	if _, err = descriptor(fd).Write(b); err != nil {
		err = &os.PathError{Op: "write", Path: path, Err: err}
	}
	return errors.Join(err, unix.Close(fd))
}

func (d *dirs) take(dir string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next != dir {
		return false
	}
	d.next = ""
	return true
}

// ahead makes the directory of the trial after job's, unless one waits already.
func (d *dirs) ahead(job runner.Job) {
	root, name := filepath.Split(job.TrialDir)
	if job.Attempt != 1 || name != strconv.FormatInt(int64(job.Trial), 10) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next != "" {
		return
	}
	next := filepath.Join(root, strconv.FormatInt(int64(job.Trial)+1, 10))
	if os.Mkdir(next, 0o755) != nil { // it is there already, or prepare will say what is wrong
		return
	}
	if os.Mkdir(filepath.Join(next, checkpointName), 0o755) == nil {
		d.next = next
	}
}

// close removes a directory that was never taken.
func (d *dirs) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next != "" {
		_ = os.Remove(filepath.Join(d.next, checkpointName))
		_ = os.Remove(d.next) // a kill leaves it, too: the next run takes it
		d.next = ""
	}
}

// makeDir makes a trial's directory for an attempt.
func makeDir(dir string, attempt int) error {
	err := os.Mkdir(dir, 0o755)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(dir, 0o755)
	case errors.Is(err, fs.ErrExist) && attempt == 1 && blank(dir):
		err = nil
	case errors.Is(err, fs.ErrExist) && attempt == 1:
		if err = aside(dir); err == nil {
			err = os.Mkdir(dir, 0o755)
		}
	case errors.Is(err, fs.ErrExist):
		err = shelve(dir, attempt-1)
	}
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, checkpointName), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// blank reports whether a directory was made ahead and never used.
func blank(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 1 || len(entries) == 1 && entries[0].Name() != checkpointName {
		return false
	}
	inside, err := os.ReadDir(filepath.Join(dir, checkpointName))
	return errors.Is(err, fs.ErrNotExist) || err == nil && len(inside) == 0
}

// aside moves what is in the way of a trial to a name beside it.
func aside(dir string) error {
	for i := 1; ; i++ {
		to := dir + ".stale-" + strconv.Itoa(i)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(dir, to)
		}
	}
}

// shelve keeps the output of an earlier attempt under its number.
func shelve(dir string, attempt int) error {
	for from, to := range map[string]string{LogName: "output.%d.log", MetricsName: "metrics.%d.jsonl"} {
		err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, fmt.Sprintf(to, attempt)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// bare reports whether a trial's directory holds nothing but what was put there
// for it: one look instead of one for each kind of file that it may have written.
func bare(dir string) bool {
	fd, err := openPlain(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var buf [1024]byte
	var names [8]string
	for {
		n, err := unix.ReadDirent(fd, buf[:])
		if err != nil {
			return false
		}
		if n == 0 {
			return true
		}
		for rest := buf[:n]; len(rest) > 0; {
			used, _, found := unix.ParseDirent(rest, len(names), names[:0])
			for _, name := range found {
				if name != LogName && name != ParamsName && name != checkpointName {
					return false
				}
			}
			rest = rest[used:]
		}
	}
}
