package tfevents

import (
	"os"
	"path/filepath"
	"strings"
)

// Prefix is how the names of event files begin.
const Prefix = "events.out.tfevents."

const (
	maxDepth   = 6      // of folders below the root
	maxEntries = 10_000 // looked at in one search
)

// Find gives the event files below root to f, each with its run: the path of
// its folder below root, with slashes, "." for root itself. Hidden folders,
// folders named checkpoint, and links are not entered. Folders that cannot be
// read, or are not there, hold none.
func Find(root string, f func(path, run string)) {
	left := maxEntries
	find(root, ".", 0, &left, f)
}

func find(dir, run string, depth int, left *int, f func(path, run string)) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if *left--; *left < 0 {
			return
		}
		name := e.Name()
		switch {
		case e.Type().IsRegular() && strings.HasPrefix(name, Prefix):
			f(filepath.Join(dir, name), run)
		case e.IsDir() && depth < maxDepth && name[0] != '.' && name != "checkpoint":
			below := name
			if run != "." {
				below = run + "/" + name
			}
			find(filepath.Join(dir, name), below, depth+1, left, f)
		}
	}
}

// Name is the metric that a tag is, given the run of its file. Two customs put
// the same tag into several folders, and the folder then tells them apart:
//
//   - Keras and Estimator have one folder for each part of the data: epoch_loss
//     in logs/validation is validation/epoch_loss.
//   - PyTorch's add_scalars("loss", {"train": …}) writes the tag loss into the
//     folder loss_train: it is loss/train.
//
// Otherwise the name is the tag.
func Name(run, tag string) string {
	folder := run[strings.LastIndexByte(run, '/')+1:]
	switch folder {
	case "train", "validation", "val", "valid", "test", "eval":
		return folder + "/" + tag
	}
	if rest, ok := strings.CutPrefix(folder, strings.ReplaceAll(tag, "/", "_")+"_"); ok && rest != "" {
		return tag + "/" + rest
	}
	return tag
}
