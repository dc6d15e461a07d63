package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
)

func TestProgressLines(t *testing.T) {
	doc := spec(t, "command: [x]\nmethod: grid\nmetric: {name: loss, goal: minimize}\nparameters: {a: [1, 2], fixed: 9}")
	for _, quiet := range []bool{false, true} {
		var out bytes.Buffer
		now := time.Unix(1_000_000, 0)
		p := newProgress(&app{stderr: &out, now: func() time.Time { return now }}, doc, 2, quiet)
		p.total = totalTrials(doc)
		end := func(id sweep.TrialID, params string, e sweep.Ended) {
			e.Trial = id
			p.news(loop.News{Trial: sweep.Trial{ID: id}, Params: params, Event: &sweep.Started{Trial: id, Attempt: 1}})
			p.news(loop.News{Trial: sweep.Trial{ID: id}, Params: params, Event: &e, Seconds: 2})
		}
		end(1, `{"a":1,"fixed":9}`, sweep.Ended{State: sweep.Queued, Requeue: sweep.RequeueRetry, Reason: "exit 1"})
		end(1, `{"a":1,"fixed":9}`, sweep.Ended{State: sweep.Finished, HasObjective: true, Objective: 0.5})
		end(2, `{"a":2,"fixed":9}`, sweep.Ended{State: sweep.Failed, Class: sweep.ClassExit, Reason: "exit 3: \x1b[2Jboom"})
		p.tell("trawl: always")
		p.out.Flush()
		want := "trawl: always\n"
		if !quiet {
			want = "trial 1 queued again: exit 1\n[1/2]  trial 1  finished  loss=0.5  2.0s  a=1  best so far\n" +
				"[2/2]  trial 2  failed (exit)  exit 3:  [2Jboom  2.0s  a=2\n" + want
		}
		if out.String() != want {
			t.Errorf("quiet %v: got\n%swant\n%s", quiet, out.String(), want)
		}
	}
}
