// Package python carries what a Python trial may import: trawl, which asks for
// values and reports metrics, and a stand-in for wandb, so that a script written
// for W&B runs with no account and no network.
//
// Both are standard library only, for Python 3.8 and later. They lie in two
// folders, for the stand-in takes its own off sys.path where it hands over to
// the real package (`wandb: auto`):
//
//	DIR/HASH/lib/trawl.py
//	DIR/HASH/wandb/wandb/…
//	DIR/HASH/wandb/wandb-VERSION.dist-info/METADATA
//
// HASH is that of the files, so that trials of an earlier version of trawl that
// still run keep theirs.
//
// Sources: W&B's documentation of its Python library and of sweep agents
// (docs.wandb.ai, 0.19), for names, steps and precedence. We depart from it:
// rows are written when they are logged, not when their step ends; nested names
// are joined by / as in a trial's JSON lines; a second run of one process goes
// on with the steps of the first; files stay in the trial's directory.
package python

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed all:files
var files embed.FS

// Modes are the values of `wandb:` in a sweep file.
const (
	Auto = "auto" // the real package where it can reach its server, else the stand-in
	Shim = "shim" // the stand-in
	Off  = "off"  // whatever the script finds by itself
)

// Install writes the packages below dir, once for each version, and returns
// what belongs on PYTHONPATH for a mode of `wandb:`, to be put before what is
// there. Several processes may install at the same time.
func Install(dir, mode string) (path string, err error) {
	sum, err := digest()
	if err != nil {
		return "", err
	}
	root := filepath.Join(dir, sum)
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		if err := write(dir, root); err != nil {
			return "", fmt.Errorf("install the Python packages: %w", err)
		}
	} else if err != nil {
		return "", fmt.Errorf("install the Python packages: %w", err)
	}
	lib := filepath.Join(root, "lib")
	if mode == Off {
		return lib, nil
	}
	return filepath.Join(root, "wandb") + string(os.PathListSeparator) + lib, nil
}

// write makes root at once, by a folder beside it.
func write(dir, root string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	err = each(func(name string, b []byte) error {
		to := filepath.Join(tmp, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	})
	if err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	err = os.Rename(tmp, root)
	if _, serr := os.Stat(root); serr == nil {
		return nil // by us, or by another at the same time
	}
	return err
}

// digest names the version of the files.
func digest() (string, error) {
	h := sha256.New()
	err := each(func(name string, b []byte) error {
		fmt.Fprintf(h, "%s\x00%d\x00", name, len(b))
		h.Write(b)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)[:6]), err
}

// each gives every file with its name below files/, in a fixed order.
func each(f func(name string, b []byte) error) error {
	return fs.WalkDir(files, "files", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, "__pycache__") || strings.HasSuffix(name, ".pyc") {
			return err
		}
		b, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		return f(strings.TrimPrefix(name, "files/"), b)
	})
}

// AgentParams is the parameter file that a W&B agent leaves for a run, in YAML,
// which JSON is: each value of the JSON object params under `value`, and
// `wandb_version: 1`. The error is that of params.
func AgentParams(params []byte) ([]byte, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(params, &values); err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	doc := map[string]any{"wandb_version": 1}
	for k, v := range values {
		doc[k] = map[string]json.RawMessage{"value": v}
	}
	b, err := json.Marshal(doc)
	return append(oldFloats(b), '\n'), err
}

// exponents finds the texts of a JSON document and its numbers with an exponent.
var exponents = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|(-?\d+)(\.\d+)?[eE]([-+]?)(\d+)`)

// oldFloats gives the numbers of a JSON document a dot and their exponents a
// sign: W&B's library reads YAML 1.1, to which 1e-05 is a text.
func oldFloats(doc []byte) []byte {
	return exponents.ReplaceAllFunc(doc, func(b []byte) []byte {
		if b[0] == '"' {
			return b
		}
		m := exponents.FindSubmatch(b)
		return slices.Concat(m[1], orElse(m[2], ".0"), []byte("e"), orElse(m[3], "+"), m[4])
	})
}

func orElse(b []byte, otherwise string) []byte {
	if len(b) == 0 {
		return []byte(otherwise)
	}
	return b
}
