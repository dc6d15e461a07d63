package results

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Claim waits this long for another owner to end.
const (
	claimWait  = 3 * time.Second
	claimRetry = 50 * time.Millisecond
)

func lockPath(runsDir string) string { return filepath.Join(runsDir, ".lock") }

// lockSweep takes the ownership of a sweep: a lock of the kernel, which ends
// with the process, on a file whose line says who has it.
func lockSweep(ctx context.Context, name, runsDir, who string) (*flock.Flock, error) {
	if err := os.MkdirAll(runsDir, 0o777); err != nil {
		return nil, fmt.Errorf("claim sweep %s: %w", name, err)
	}
	l := flock.New(lockPath(runsDir))
	wait, cancel := context.WithTimeout(ctx, claimWait)
	defer cancel()
	ok, err := l.TryLockContext(wait, claimRetry)
	switch {
	case ok:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &OwnedError{Sweep: name, Owner: ownerLine(runsDir)}
	default:
		return nil, fmt.Errorf("claim sweep %s: %w", name, err)
	}
	if err := os.WriteFile(lockPath(runsDir), []byte(who+"\n"), 0o666); err != nil {
		return nil, errors.Join(fmt.Errorf("claim sweep %s: %w", name, err), l.Close())
	}
	return l, nil
}

// unlockSweep gives the ownership back. The file stays: to remove it would let
// two hold the lock on two files of one name.
func unlockSweep(l *flock.Flock) error {
	return errors.Join(os.Truncate(l.Path(), 0), l.Close())
}

func ownerLine(runsDir string) string {
	b, err := os.ReadFile(lockPath(runsDir))
	if s := strings.TrimSpace(string(b)); err == nil && s != "" {
		return s
	}
	return "unknown"
}

// Owner says whether a process owns the sweep of that directory, and which:
// "pid 123 on host since TIME".
func Owner(runsDir string) (who string, owned bool) {
	if _, err := os.Stat(lockPath(runsDir)); err != nil {
		return "", false
	}
	l := flock.New(lockPath(runsDir))
	ok, err := l.TryRLock()
	if ok || err != nil {
		l.Close()
		return "", false
	}
	return ownerLine(runsDir), true
}

func whoami(now time.Time) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("pid %d on %s since %s", os.Getpid(), host, now.Format(time.RFC3339))
}
