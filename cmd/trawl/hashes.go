package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

const (
	maxHashed    = 64 << 20 // of a file that the command names
	maxNeighbour = 1 << 20  // of one beside it: larger ones are data
	maxFiles     = 100
)

// hash takes the SHA-256 of the files that the trials are made of, and gives the
// code its name. They are the files that the command or the trainer names; and
// of what a program may import beside it, where git has it: what git does not
// know, else all with the program's extension.
func (p *provenance) hash(spec *sweep.Spec, dir string, words []string) {
	h := hasher{dir: dir, sums: map[string]string{}}
	for _, w := range words {
		if _, value, ok := strings.Cut(w, "="); ok {
			h.add(value, maxHashed)
		}
		h.add(w, maxHashed)
	}
	own := maps.Clone(h.sums)
	for _, name := range trainerFiles(spec) {
		h.add(name, maxHashed)
		h.folder(name, "")
	}
	if p.Commit != "" {
		for _, name := range p.New {
			h.add(name, maxNeighbour)
		}
	} else {
		for _, name := range slices.Sorted(maps.Keys(own)) {
			h.neighbours(name)
		}
	}
	p.Files = h.sums
	p.Code = p.codeName(own)
}

// codeName is the name of the code for the column of that name: what was not
// committed is in it only where it is the program's.
func (p *provenance) codeName(own map[string]string) string {
	if p.Commit == "" {
		if len(p.Files) == 0 {
			return ""
		}
		return "sha256:" + prefixOf(sumOf(p.Files), 12)
	}
	code := prefixOf(p.Commit, 12)
	if p.Diff != "" {
		code += "+" + prefixOf(p.Diff, 8)
	}
	maps.DeleteFunc(own, func(name, _ string) bool { return !slices.Contains(p.New, name) })
	if len(own) > 0 {
		code += "~" + prefixOf(sumOf(own), 8)
	}
	return code
}

// sumOf is the hash of a single file, else one of all names and hashes.
func sumOf(files map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if len(files) == 1 {
			return files[name]
		}
		io.WriteString(h, name+"\x00"+files[name]+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hasher takes hashes of files, by the names that they were given.
type hasher struct {
	dir  string
	sums map[string]string
}

// add hashes a file; a name that is none is passed over.
func (h *hasher) add(name string, most int64) {
	if name == "" || strings.HasPrefix(name, "-") || strings.Contains(name, "${") || len(h.sums) >= maxFiles {
		return
	}
	path, name := name, filepath.Clean(name)
	if !filepath.IsAbs(path) {
		path = filepath.Join(h.dir, name)
	}
	st, err := os.Stat(path)
	if err != nil || h.sums[name] != "" {
		return
	}
	if st.Mode().IsRegular() && st.Size() <= most {
		if sum, err := hashFile(path); err == nil {
			h.sums[name] = sum
		}
	}
}

// neighbours hashes the files beside a program that it may import.
func (h *hasher) neighbours(name string) {
	if ext := filepath.Ext(name); ext != "" && !filepath.IsAbs(name) {
		h.folder(filepath.Dir(name), ext)
	}
}

// folder hashes the files of a folder, those with this extension if it is not "".
func (h *hasher) folder(name, ext string) {
	path, most := name, int64(maxHashed)
	if ext != "" {
		most = maxNeighbour
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(h.dir, name)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return
	}
	for _, e := range entries {
		if ext == "" || filepath.Ext(e.Name()) == ext {
			h.add(filepath.Join(name, e.Name()), most)
		}
	}
}

func hashFile(path string) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// trainerFiles are the values of the trainer's keys that name files, fixed or
// swept.
func trainerFiles(spec *sweep.Spec) []string {
	if spec.Trainer == nil {
		return nil
	}
	var out []string
	for _, key := range []string{"data", "init_from"} {
		if v, ok := spec.Trainer[key]; ok {
			out = append(out, v.Text())
		}
		if i, ok := spec.Space.Index(key); ok {
			for _, v := range spec.Space.Params[i].Domain.Values {
				out = append(out, v.Text())
			}
		}
	}
	return out
}

var envMacro = regexp.MustCompile(`\$\{envvar:([^}]+)\}`)

// namedVars are the variables that a sweep file takes values from.
func namedVars(spec *sweep.Spec) []string {
	words := append(slices.Concat(spec.Command, spec.ResumeArgs), spec.Shell)
	for _, f := range spec.Files {
		words = append(words, f.Path)
	}
	var out []string
	for _, s := range words {
		for _, m := range envMacro.FindAllStringSubmatch(s, -1) {
			out = append(out, m[1])
		}
	}
	return out
}
