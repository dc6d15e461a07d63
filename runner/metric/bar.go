package metric

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// bar is what is known of Keras's progress bars. Those of fit stand below a line
// `Epoch 3/20`, whose number is their step; only a bar that is full counts. What
// follows it without such a line is of evaluate, whose metrics have the same
// names and are told apart by test_.
type bar struct {
	epoch int64 // -1: none has begun
	full  int   // metrics of the full bar of the epoch; 0: none was full yet
	after bool  // the epoch is over
}

// begins takes the line that begins an epoch.
func (b *bar) begins(line []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("Epoch "))
	if !ok {
		return false
	}
	n, of, ok := bytes.Cut(rest, []byte("/"))
	epoch, err := strconv.ParseInt(string(n), 10, 64)
	_, err2 := strconv.Atoi(string(of))
	if !ok || err != nil || err2 != nil || epoch < 0 || epoch >= maxStep {
		return false
	}
	*b = bar{epoch: epoch}
	return true
}

// look takes a bar with so many metrics and returns what its names begin with.
// Keras draws the full bar of an epoch twice, the second time with no fewer
// metrics.
func (b *bar) look(whole bool, metrics int) (prefix string) {
	if b.epoch < 0 || b.full > 0 && (!whole || metrics < b.full) {
		b.after = true
	}
	if b.after {
		return "test_"
	}
	if whole {
		b.full = metrics
	}
	return ""
}

// plain appends line without escape sequences (ECMA-48: CSI and OSC, and those
// of two characters), and without what backspaces step back over, if something is
// written there instead.
func plain(out, line []byte) []byte {
	back := 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\b':
			back++
		case c != 0x1b:
			for ; back > 0; back-- {
				_, n := utf8.DecodeLastRune(out)
				out = out[:len(out)-n]
			}
			out = append(out, c)
		case i+1 < len(line) && line[i+1] == '[': // parameters, then a letter
			for i += 2; i < len(line) && (line[i] < 0x40 || line[i] > 0x7e); i++ {
			}
		case i+1 < len(line) && line[i+1] == ']': // text up to BEL or ESC \
			for i += 2; i < len(line) && line[i] != 0x07 && line[i] != 0x1b; i++ {
			}
			if i+1 < len(line) && line[i] == 0x1b {
				i++
			}
		default:
			i++
		}
	}
	return out
}
