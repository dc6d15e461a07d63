package main

import (
	"context"
	"fmt"
	"io"
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
	f, err := outputOf(row, last)
	if err != nil {
		return nil, last.Class == sweep.ClassNoObjective
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, false
	}
	from := max(0, st.Size()-16<<10)
	b, _ := io.ReadAll(io.NewSectionReader(f, from, 16<<10))
	text := strings.TrimRight(strings.ToValidUTF8(strings.ReplaceAll(string(b), "\r", "\n"), "\uFFFD"), "\n")
	if text != "" {
		lines = strings.Split(text, "\n")
	}
	return lines[max(0, len(lines)-fuseLines):], last.Class == sweep.ClassNoObjective
}
