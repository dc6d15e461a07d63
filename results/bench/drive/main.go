// Command drive is the other end of `trawl ask-tell`: it starts one, keeps
// several asks in flight, tells a result for every trial, and prints as JSON
// how many trials per second were asked, told and answered, and what one cost
// in the first thousand and in the last.
//
//	drive -n 10000 -batch 50 -flight 4 trawl ask-tell sweep.yaml --db trawl.db
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// An answer is any line that ask-tell may print.
type answer struct {
	Trials []struct {
		Trial int64 `json:"trial"`
	} `json:"trials"`
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

// A result is what drive prints.
type result struct {
	Trials  int     `json:"trials"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"`     // trials per second
	EarlyUS float64 `json:"early_us"` // microseconds per trial just behind the 100th
	LateUS  float64 `json:"late_us"`  // microseconds per trial at the end
}

func main() {
	n := flag.Int("n", 10_000, "`count` of trials")
	batch := flag.Int("batch", 50, "trials of one ask")
	flight := flag.Int("flight", 4, "asks in flight")
	flag.Parse()
	if flag.NArg() == 0 || *n < 1 || *batch < 1 || *flight < 1 {
		fmt.Fprintln(os.Stderr, "usage: drive [-n COUNT] [-batch N] [-flight N] trawl ask-tell FILE …")
		os.Exit(2)
	}
	r, err := drive(*n, *batch, *flight, flag.Args())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "drive:", err)
		os.Exit(1)
	}
}

func drive(n, batch, flight int, argv []string) (result, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return result{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return result{}, err
	}
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	// The channel holds all lines that can ever wait, so that reading answers
	// never waits for writing questions.
	lines := make(chan []byte, 2*n+flight)
	wrote := make(chan error, 1)
	go func() { wrote <- write(in, lines) }()
	r, err := talk(n, batch, flight, lines, out)
	close(lines)
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return r, err
	}
	if err := <-wrote; err != nil {
		return r, err
	}
	return r, cmd.Wait()
}

// write sends lines, in one piece what waits, and closes w at their end.
func write(w io.WriteCloser, lines <-chan []byte) error {
	b := bufio.NewWriter(w)
	for l := range lines {
		b.Write(l) // the error stays in b until Flush
		if len(lines) == 0 {
			if err := b.Flush(); err != nil {
				return err
			}
		}
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return w.Close()
}

// talk asks for n trials and tells them all.
func talk(n, batch, flight int, lines chan<- []byte, out io.Reader) (result, error) {
	asked, told := 0, make([]time.Duration, 0, n)
	ask := func() {
		if k := min(batch, n-asked); k > 0 {
			asked += k
			lines <- fmt.Appendf(nil, "{\"cmd\":\"ask\",\"n\":%d}\n", k)
		}
	}
	start := time.Now()
	for range flight {
		ask()
	}
	in := bufio.NewReaderSize(out, 1<<20)
	for len(told) < n {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return result{}, fmt.Errorf("after %d trials: %w", len(told), err)
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			return result{}, fmt.Errorf("answer %q: %w", line, err)
		}
		switch {
		case a.Error != "":
			return result{}, fmt.Errorf("after %d trials: %s", len(told), a.Error)
		case a.OK:
			told = append(told, time.Since(start))
		case len(a.Trials) == 0:
			return result{}, fmt.Errorf("after %d trials: no more; the sweep is too small", len(told))
		}
		for _, t := range a.Trials {
			lines <- fmt.Appendf(nil, "{\"cmd\":\"tell\",\"trial\":%d,\"metrics\":{\"loss\":%g}}\n", t.Trial, float64(t.Trial%997)/997)
		}
		if len(a.Trials) > 0 {
			ask()
		}
	}
	return measure(told), nil
}

// measure compares the thousand trials behind the 100th with the last thousand,
// or as many as there are.
func measure(told []time.Duration) result {
	n := len(told)
	total := told[n-1].Seconds()
	r := result{Trials: n, Seconds: total, Rate: float64(n) / total}
	first := min(100, n/2)
	if w := min(1000, n-first-1); w > 0 {
		r.EarlyUS = (told[first+w] - told[first]).Seconds() / float64(w) * 1e6
		r.LateUS = (told[n-1] - told[n-1-w]).Seconds() / float64(w) * 1e6
	}
	return r
}
