package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
)

// fuseLines is how much of a trial's output the fuse shows.
const fuseLines = 20

// sayFuse shows the end of the output of the trial that the fuse took for the
// last straw. Of one that ended well and yet reported nothing the loop has no
// output; what its lines look like is what the user must know then.
func (s *sweeping) sayFuse(ctx context.Context, sum loop.Summary) {
	silent := false
	if len(sum.Fuse) == 0 {
		sum.Fuse, silent = s.lastOutput(ctx)
	}
	if sum.State != "fuse" && len(sum.Fuse) > 0 {
		fmt.Fprintln(s.a.stderr, "trawl: no trial finished; the last one ended with")
	}
	for _, line := range sum.Fuse {
		fmt.Fprintln(s.a.stderr, "  | "+plain(line))
	}
	if silent {
		fmt.Fprintf(s.a.stderr, "trawl: print JSON lines, or name a pattern under report: (try it with trawl try); then %s FILE reads what is there\n",
			s.a.next("reread", s.spec.Name))
	}
}

// lastOutput is the end of the output of the last trial that failed, and
// whether it failed for want of an objective.
func (s *sweeping) lastOutput(ctx context.Context) (lines []string, silent bool) {
	r := s.db.Reader()
	row, err := r.Sweep(ctx, s.spec.Name)
	if err != nil {
		return nil, false
	}
	failed, err := r.Trials(ctx, row.Name, results.Filter{States: []sweep.State{sweep.Failed}, Limit: 1, Last: true})
	if err != nil || len(failed) == 0 {
		return nil, false
	}
	last := failed[0]
	if f, err := outputOf(row, last); err == nil {
		lines = lastLines(f)
		f.Close()
	}
	if len(lines) == 0 && last.Reason != "" {
		lines = []string{last.Reason}
	}
	return lines, last.Class == sweep.ClassNoObjective
}

// lastLines are the last lines of a file, at most fuseLines, none long.
func lastLines(f *os.File) (lines []string) {
	const room, most = 16 << 10, 400
	st, err := f.Stat()
	if err != nil {
		return nil
	}
	b, _ := io.ReadAll(io.NewSectionReader(f, max(0, st.Size()-room), room))
	for line := range strings.SplitSeq(strings.TrimRight(strings.ReplaceAll(string(b), "\r", "\n"), "\n"), "\n") {
		if len(line) > most {
			line = line[:most] + "…"
		}
		lines = append(lines, strings.ToValidUTF8(line, "\uFFFD"))
	}
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines[max(0, len(lines)-fuseLines):]
}
