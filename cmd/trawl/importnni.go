package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/trawl-sweep/trawl/configs"
)

// importNNI writes the sweep file that a search space of NNI is.
func (a *app) importNNI(o importOptions) error {
	opt := configs.Options{Name: o.name}
	switch len(o.metric) {
	case 0:
	case 1:
		opt.Metric = o.metric[0]
	default:
		return usagef("--metric: want one")
	}
	in, err := os.Open(o.path)
	if err != nil {
		return err
	}
	defer in.Close()
	src, err := io.ReadAll(io.LimitReader(in, 32<<20)) // what is too long is refused by its reader
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	f, err := configs.FromNNI(o.path, src, opt)
	if problems, ok := errors.AsType[configs.Errors](err); ok {
		problems.Print(a.stderr, src)
		return &exitErr{exitError, fmt.Sprintf("%s: not a search space of NNI that a sweep file can have", filepath.Base(o.path))}
	}
	if err != nil {
		return err
	}
	if o.out == "" {
		_, err := a.stdout.Write(f.Source)
		return err
	}
	if err := writeNew(o.out, f.Source); err != nil {
		return err
	}
	wants := "a command"
	if opt.Metric == "" {
		wants += " and a metric"
	}
	fmt.Fprintf(a.stderr, "trawl: wrote %s; it still wants %s\n", o.out, wants)
	return nil
}

// writeNew writes a file that is not there yet: a sweep file that somebody has
// worked on is not replaced.
func writeNew(path string, b []byte) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return usagef("-o %s: it exists; want a new file", path)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return errors.Join(err, out.Close())
}
