// Command execloop runs one command many times, some at a time, reads what it
// prints from a pipe and records nothing: what a launch costs in Go at least.
// rate.sh compares `trawl run` with it.
//
//	execloop -n 1000 -j 2 sh -c 'echo hello'
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

func main() {
	n := flag.Int("n", 1000, "run the command `count` times")
	j := flag.Int("j", 2, "`count` at a time")
	flag.Parse()
	if flag.NArg() == 0 || *n < 1 || *j < 1 {
		fmt.Fprintln(os.Stderr, "usage: execloop [-n COUNT] [-j COUNT] CMD [ARG…]")
		os.Exit(2)
	}
	start := time.Now()
	bytes, err := loop(*n, *j, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "execloop:", err)
		os.Exit(1)
	}
	fmt.Printf("%d runs, %d bytes, %.3f s\n", *n, bytes, time.Since(start).Seconds())
}

// loop runs argv n times on j goroutines and returns how much was printed.
func loop(n, j int, argv []string) (bytes int, err error) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // guards left, bytes and err: a channel would be one more thing to measure
		left = n
	)
	take := func(add int, failed error) bool {
		mu.Lock()
		defer mu.Unlock()
		bytes += add
		if err == nil {
			err = failed
		}
		left--
		return left >= 0 && err == nil
	}
	for range j {
		wg.Go(func() {
			for got, failed := 0, error(nil); take(got, failed); {
				got, failed = once(argv)
			}
		})
	}
	wg.Wait()
	return bytes, err
}

// once runs argv and reads its output to the end.
func once(argv []string) (int, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	b, err := io.ReadAll(out)
	if err != nil {
		return 0, err
	}
	return len(b), cmd.Wait()
}
