package csvlog

import (
	"bytes"
	"errors"
)

// separator is what stands between the cells of a header: a comma, tab, semicolon
// or bar, whichever is most frequent outside of quotes.
func separator(header []byte) byte {
	count := map[byte]int{}
	quoted := false
	for _, c := range header {
		if c == '"' {
			quoted = !quoted
		}
		if !quoted {
			count[c]++
		}
	}
	best := byte(',')
	for _, s := range []byte("\t;|") {
		if count[s] > count[best] || s == '\t' && count[s] > 0 && count[s] == count[best] {
			best = s
		}
	}
	return best
}

var (
	errQuote   = errors.New("text behind a closing quote")
	errColumns = errors.New("too many cells")
)

// split appends the cells of the row at the start of b, without the blanks and
// quotes around them, and returns how many bytes it takes, line break included;
// 0 if its end is not in b. With last, the end of b is the end of a row.
func split(cells [][]byte, b []byte, sep byte, last bool) ([][]byte, int, error) {
	i := 0
	for {
		cell, next, err := cell(b, i, sep, last)
		if err != nil || next < 0 {
			return cells, 0, err
		}
		if len(cells) > maxColumns {
			return cells, 0, errColumns
		}
		cells = append(cells, cell)
		if next == len(b) {
			if !last {
				return cells, 0, nil
			}
			return cells, next, nil
		}
		i = next + 1
		if b[next] == '\n' {
			return cells, i, nil
		}
	}
}

// cell reads the cell at b[i] and returns the index of the separator or line
// break behind it, len(b) if b ends there, -1 inside quotes that do not close.
func cell(b []byte, i int, sep byte, last bool) (cell []byte, next int, err error) {
	start := i
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' && sep != '\t') {
		i++
	}
	if i == len(b) || b[i] != '"' {
		next = start + ends(b[start:], sep)
		return bytes.TrimSpace(b[start:next]), next, nil
	}
	i++
	open := i
	for doubled := false; ; i++ {
		j := bytes.IndexByte(b[i:], '"')
		if j < 0 {
			return nil, -1, nil
		}
		i += j
		if i+1 == len(b) && !last {
			return nil, -1, nil // the quote may be one of two
		}
		if i+1 < len(b) && b[i+1] == '"' {
			doubled = true
			i++
			continue
		}
		cell = b[open:i]
		if doubled {
			cell = bytes.ReplaceAll(cell, []byte(`""`), []byte(`"`))
		}
		break
	}
	next = i + 1 + ends(b[i+1:], sep)
	if len(bytes.TrimSpace(b[i+1:next])) > 0 {
		return nil, 0, errQuote
	}
	return bytes.TrimSpace(cell), next, nil
}

// ends is the index of the first separator or line break, len(b) if there is none.
func ends(b []byte, sep byte) int {
	for i, c := range b {
		if c == sep || c == '\n' {
			return i
		}
	}
	return len(b)
}
