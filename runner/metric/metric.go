// Package metric reads reports from what a trial prints.
//
//   - A line that is a JSON object with numbers: {"step": 3, "val_loss": 0.41}.
//     Nested objects flatten with `/`; texts, booleans, nulls and lists are
//     ignored. NaN, Infinity, nan, inf, -inf and 1e400 are data, and names may
//     lack their quotes, as a shell's `echo {"loss":0.5}` leaves them. A line
//     that is not valid otherwise is ignored as a whole.
//   - Matches of patterns with named groups, several on a line. A thousands
//     separator, a trailing % and a trailing comma or semicolon are tolerated:
//     `1,024` is 1024 and `83%` is 83, as written.
//   - Ready-made patterns by name, which take the metrics' names from the line:
//     see Names. `number` is a line that is a number and nothing else, such as a
//     score printed last; `number:NAME` says the metric's name.
//   - In the file $TRAWL_METRICS also `val_loss=0.3 step=2`.
//
// `step` (at the top of an object, or a group of that name) applies to all
// numbers beside it. Without it, or where it is negative, has a fraction or is
// no number, each metric takes its greatest step so far + 1, and 0 first. Of a
// metric named twice in one line, the last value counts.
//
// Colours and other escape sequences of terminals are taken out of a line first,
// and what is written over after backspaces.
//
// Limits: objects nest at most 32 deep (a deeper line is ignored); 1,000
// numbers count per line; names are valid printable UTF-8 (what is not becomes
// U+FFFD) of at most 256 bytes, and of at most 65,536 kinds per trial; what is
// beyond is ignored, never cut or merged.
package metric

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/trawl-sweep/trawl/sweep"
)

const (
	maxDepth = 32     // of nested objects and lists
	maxLine  = 1000   // numbers of a line
	maxName  = 256    // bytes of a name
	maxNames = 65_536 // names of a trial

	maxStep = 1 << 53 // a float holds steps below it exactly
)

// A Parser reads the lines of one attempt of a trial, both streams and the
// metrics file in the order in which they came. It is used by one goroutine.
type Parser struct {
	patterns []pattern
	pairs    []pairs
	bare     []string // metrics that a line is which is a number
	bar      bar
	clean    []byte // a line without escape sequences
	series   map[string]*series
	sorted   []*series // by name; shorter than series while new names wait to be sorted in

	line   int64    // number of the line, to find a metric that it named before
	staged []staged // what the line reports
	step   int64    // the line's own step, or -1
	path   []byte   // name of the number that is being read, prefixes included

	list func(b []byte, i, depth int) int // takes the list at b[i], 0 if it does not; nil: none is taken
}

// A series is what the parser remembers of a metric.
type series struct {
	name string
	key  string // name as JSON
	last int64  // greatest step, -1 before the first
	line int64  // the last line that named it
	slot int    // index in staged, for that line
}

type staged struct {
	s     *series
	value float64
}

// New returns a parser for JSON lines and the given patterns: Go regular
// expressions with at least one named group beside `step`, or Names. The error names the
// pattern and what is wrong with it.
func New(patterns []string) (*Parser, error) {
	p := &Parser{series: map[string]*series{}, bar: bar{epoch: -1}}
	for _, src := range patterns {
		if name, ok := bareName(src); ok {
			if _, err := ParseArgs([]string{name + "=0"}); err != nil {
				return nil, fmt.Errorf("pattern %q: want number:NAME with the name of a metric", src)
			}
			p.bare = append(p.bare, name)
			continue
		}
		sources := []string{src}
		if r, ok := recipes[src]; ok {
			sources = r.patterns
			for _, n := range r.lines {
				p.pairs = append(p.pairs, compilePairs(n))
			}
		}
		for _, src := range sources {
			c, err := compile(src)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", src, err)
			}
			p.patterns = append(p.patterns, c)
		}
	}
	return p, nil
}

// Line reads one line of output, with or without its line break, and emits what
// it reports. at is its time in Unix microseconds. The line is not kept.
func (p *Parser) Line(line []byte, at int64, emit func(sweep.Report)) {
	if bytes.IndexByte(line, '\x1b') >= 0 || bytes.IndexByte(line, '\b') >= 0 {
		p.clean = plain(p.clean[:0], line)
		line = p.clean
	}
	p.object(line, at, emit)
	for _, name := range p.bare {
		if v, ok := looseNumber(bytes.TrimSpace(line)); ok {
			p.Number(name, -1, v, at, emit)
		}
	}
	for i := range p.patterns {
		p.match(&p.patterns[i], line, at, emit)
	}
	for i := range p.pairs {
		p.matchPairs(&p.pairs[i], line, at, emit)
	}
}

// MetricsLine reads one line of the file $TRAWL_METRICS: a JSON object as in
// Line, or words `name=value`. Patterns do not apply.
func (p *Parser) MetricsLine(line []byte, at int64, emit func(sweep.Report)) {
	if !p.object(line, at, emit) {
		p.words(line, at, emit)
	}
}

// Number takes one number that did not come in a line. A step below 0 is none.
func (p *Parser) Number(name string, step int64, value float64, at int64, emit func(sweep.Report)) {
	p.begin()
	p.path = append(p.path[:0], name...)
	p.add(value)
	p.path = p.path[:0]
	p.setStep(float64(step))
	p.flush(at, emit)
}

// begin starts a new set of numbers that share a step.
func (p *Parser) begin() {
	p.line++
	p.staged, p.step = p.staged[:0], -1
}

// add stages a number under the name in p.path.
func (p *Parser) add(value float64) {
	if len(p.path) == 0 || len(p.path) > maxName || len(p.staged) >= maxLine {
		return
	}
	s, ok := p.series[string(p.path)]
	if !ok {
		if s = p.newSeries(); s == nil {
			return
		}
	}
	if s.line == p.line {
		p.staged[s.slot].value = value
		return
	}
	s.line, s.slot = p.line, len(p.staged)
	p.staged = append(p.staged, staged{s, value})
}

// newSeries makes the name in p.path fit to be shown and remembers it; nil if
// there are too many.
func (p *Parser) newSeries() *series {
	name := sanitize(string(p.path))
	if s, ok := p.series[name]; ok {
		return s
	}
	if len(p.series) >= maxNames || len(name) > maxName {
		return nil
	}
	key, err := json.Marshal(name)
	if err != nil {
		return nil
	}
	s := &series{name: name, key: string(key), last: -1}
	p.series[name] = s
	return s
}

// flush emits what was staged since begin.
func (p *Parser) flush(at int64, emit func(sweep.Report)) {
	for _, n := range p.staged {
		step := p.step
		if step < 0 {
			step = n.s.last + 1
		}
		n.s.last = max(n.s.last, step)
		emit(sweep.Report{Name: n.s.name, Step: step, Value: n.value, At: at})
	}
}

// setStep takes the step of a line; what cannot be a step is as if not there.
func (p *Parser) setStep(v float64) {
	p.step = -1
	if v >= 0 && v < maxStep && v == float64(int64(v)) {
		p.step = int64(v)
	}
}

// State is what a later process needs to go on with the next line: the greatest
// step of each metric, as a JSON object.
func (p *Parser) State() string {
	if len(p.sorted) != len(p.series) {
		p.sorted = p.sorted[:0]
		for _, s := range p.series {
			p.sorted = append(p.sorted, s)
		}
		slices.SortFunc(p.sorted, func(a, b *series) int {
			if a.name < b.name {
				return -1
			}
			return 1
		})
	}
	b := []byte{'{'}
	if p.bar.epoch >= 0 {
		b = strconv.AppendInt(append(b, `"":`...), p.bar.epoch, 10) // no metric has that name
	}
	for _, s := range p.sorted {
		if s.last < 0 { // named by an invalid line only
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(b, s.key...), ':')
		b = strconv.AppendInt(b, s.last, 10)
	}
	return string(append(b, '}'))
}

// Restore sets a new parser to a State; "" is the state before the first line.
func (p *Parser) Restore(state string) error {
	p.series, p.sorted = map[string]*series{}, nil
	if state == "" {
		return nil
	}
	var last map[string]int64
	if err := json.Unmarshal([]byte(state), &last); err != nil {
		return fmt.Errorf("state of metrics: %w", err)
	}
	for name, step := range last {
		if name == "" {
			p.bar.epoch = step
			continue
		}
		p.path = append(p.path[:0], name...)
		if s := p.newSeries(); s != nil {
			s.last = max(step, -1)
		}
	}
	return nil
}
