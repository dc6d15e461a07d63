package metric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// A Document is what a JSON file of results reports: rows, then single values.
//
//   - Of an object, every number is a value, nested ones flattened with `/`; of
//     a list of numbers, the i-th number is a value of row i (what Keras calls
//     a history).
//   - Of a list of objects, or several objects one after another, each is a row.
//   - Of the trainer_state.json of Hugging Face's Trainer, each entry of
//     log_history is a row, and the rest is nothing.
//
// The step of a row is the first there is of step, global_step, iteration, iter
// and epoch at its top, if it is an integer of at least 0, and else the number
// of the row, from 0. The step of single values is `step`, or none. Texts,
// booleans and nulls are ignored; NaN and Infinity are data, as Python writes
// them.
type Document struct {
	Rows   []Sample
	Values Sample
}

// stepNames are the names that can be the step of a row, best first.
var stepNames = []string{"step", "global_step", "iteration", "iter", "epoch"}

// ReadDocument reads a JSON file. The error says where it is not valid, as
// line:column, and is also for a file that is not all written yet.
func ReadDocument(b []byte) (Document, error) {
	d := document{b: b, top: Parser{series: map[string]*series{}}, row: Parser{series: map[string]*series{}}}
	d.top.list = d.list
	i := 0
	if bytes.HasPrefix(b, []byte("\ufeff")) {
		i = len("\ufeff")
	}
	objects := 0
	for i = space(b, i); i < len(b) && i >= 0; objects++ {
		if i = d.value(i, objects > 0 || d.several(i)); i < 0 {
			break
		}
		i = space(b, i)
	}
	if i < 0 {
		return Document{}, whatIsWrong(b)
	}
	d.transpose()
	return d.out, nil
}

// A document is one that is being read.
type document struct {
	b        []byte
	top, row Parser // of which only the scanner is used: it stages numbers, and none is emitted
	out      Document
	lists    []numbers
	history  bool // the object that is read has a log_history
}

// numbers is a list of numbers and its name.
type numbers struct {
	name   string
	values []float64
}

// several reports whether the object at b[i] is followed by more.
func (d *document) several(i int) bool {
	if d.b[i] != '{' {
		return false
	}
	_, j := sample(&d.row, d.b, i)
	return j >= 0 && space(d.b, j) < len(d.b)
}

// sample reads the object at b[i] with a parser; next is -1 if it is not valid.
func sample(p *Parser, b []byte, i int) (s Sample, next int) {
	p.begin()
	p.path = p.path[:0]
	if next = p.members(b, i, 1); next < 0 {
		return Sample{}, -1
	}
	s.Step = p.step
	for _, n := range p.staged {
		s.Values = append(s.Values, Value{n.s.name, n.value})
	}
	return s, next
}

// value reads what is at b[i], as a row if it is an object and one of several.
func (d *document) value(i int, several bool) (next int) {
	switch {
	case d.b[i] == '[':
		return d.rows(i)
	case d.b[i] != '{':
		return -1 // a file of results is no text and no number
	case several:
		return d.object(i)
	}
	values, next := sample(&d.top, d.b, i)
	if !d.history {
		d.out.Values = values
	}
	return next
}

// rows reads a list; of it, the objects are rows.
func (d *document) rows(i int) int {
	if i = space(d.b, i+1); i < len(d.b) && d.b[i] == ']' {
		return i + 1
	}
	for {
		i = space(d.b, i)
		if i < len(d.b) && d.b[i] == '{' {
			i = d.object(i)
		} else {
			d.row.begin()
			i = d.row.skipValue(d.b, i, 1)
		}
		if i < 0 {
			return -1
		}
		if i = space(d.b, i); i >= len(d.b) {
			return -1
		}
		switch d.b[i] {
		case ']':
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

// object reads the object at b[i] as the next row.
func (d *document) object(i int) int {
	s, next := sample(&d.row, d.b, i)
	if next < 0 {
		return -1
	}
	for _, name := range stepNames[1:] {
		for j, v := range s.Values {
			if s.Step < 0 && v.Name == name && v.Number >= 0 && v.Number < maxStep && v.Number == math.Trunc(v.Number) {
				s.Step = int64(v.Number)
				s.Values = append(s.Values[:j], s.Values[j+1:]...)
				break
			}
		}
	}
	if s.Step < 0 {
		s.Step = int64(len(d.out.Rows))
	}
	d.out.Rows = append(d.out.Rows, s)
	return next
}

// list takes the list at b[i], whose name is in the path of the parser: a
// log_history, or a series of numbers. It returns the index behind it, and 0 if
// it is none of them.
func (d *document) list(b []byte, i, depth int) int {
	if depth == 2 && string(d.top.path) == "log_history" {
		d.history = true
		return d.rows(i)
	}
	var values []float64
	for {
		i = space(b, i+1)
		v, next := float64(0), -1
		if i < len(b) {
			v, next = jsonNumber(b, i)
		}
		if next < 0 {
			return 0
		}
		values = append(values, v)
		if i = space(b, next); i < len(b) && b[i] == ',' {
			continue
		}
		if i >= len(b) || b[i] != ']' {
			return 0
		}
		break
	}
	if n := len(d.top.path); n > 0 && n <= maxName && len(d.lists) < maxLine {
		d.lists = append(d.lists, numbers{sanitize(string(d.top.path)), values})
	}
	return i + 1
}

// transpose makes rows of the lists of numbers.
func (d *document) transpose() {
	if d.history {
		return
	}
	for _, c := range d.lists {
		for i, v := range c.values {
			for len(d.out.Rows) <= i {
				d.out.Rows = append(d.out.Rows, Sample{Step: int64(len(d.out.Rows))})
			}
			d.out.Rows[i].Values = append(d.out.Rows[i].Values, Value{c.name, v})
		}
	}
}

// whatIsWrong says where a document is not valid.
func whatIsWrong(b []byte) error {
	plain := bareWords(b)
	dec := json.NewDecoder(bytes.NewReader(plain))
	var err error
	for err == nil {
		var v any
		if err = dec.Decode(&v); err == nil {
			switch v.(type) {
			case map[string]any, []any:
				continue
			}
			return errors.New("want an object, or a list of objects")
		}
	}
	if at, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := b[:min(max(int(at.Offset)-1, 0), len(b))]
		line := 1 + bytes.Count(before, []byte("\n"))
		return fmt.Errorf("%d:%d: %s", line, len(before)-bytes.LastIndexByte(before, '\n'), err)
	}
	return errors.New("the file ends inside of a value, or nests more than 32 deep")
}

// bareWords puts numbers of the same length in place of NaN and Infinity, which
// encoding/json does not take.
func bareWords(b []byte) []byte {
	out := bytes.Clone(b)
	for i := 0; i < len(out); i++ {
		if out[i] == '"' {
			if end := skipText(out, i); end > 0 {
				i = end - 1
			}
			continue
		}
		if v, next := jsonNumber(out, i); next > 0 && (math.IsNaN(v) || math.IsInf(v, 0)) {
			for j := i; j < next; j++ {
				out[j] = '1'
			}
			i = next - 1
		}
	}
	return out
}
