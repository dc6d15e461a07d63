package metric

import (
	"bytes"
	"errors"
	"regexp"
	"regexp/syntax"

	"github.com/trawl-sweep/trawl/sweep"
)

// A pattern is a regular expression whose named groups are metrics.
type pattern struct {
	re     *regexp.Regexp
	groups []group // those with a name, `step` included; alternatives may share one
}

type group struct {
	index int
	name  string
}

func compile(src string) (pattern, error) {
	re, err := regexp.Compile(src)
	if err != nil {
		if e, ok := errors.AsType[*syntax.Error](err); ok {
			return pattern{}, errors.New(e.Code.String() + ": " + e.Expr)
		}
		return pattern{}, err
	}
	c := pattern{re: re}
	metrics := 0
	for i, name := range re.SubexpNames() {
		switch {
		case len(name) > maxName:
			return pattern{}, errors.New("the name of a group has more than 256 bytes")
		case name == "":
			continue
		case name != "step":
			metrics++
		}
		c.groups = append(c.groups, group{i, name})
	}
	if metrics == 0 {
		return pattern{}, errors.New(`no named group beside step; want one such as (?P<val_loss>\S+)`)
	}
	return c, nil
}

// match emits the groups of every match of c on the line; a group that is no
// number, or that took no part, is left out.
func (p *Parser) match(c *pattern, line []byte, at int64, emit func(sweep.Report)) {
	line = bytes.TrimRight(line, "\r\n")
	for _, m := range c.re.FindAllSubmatchIndex(line, -1) {
		p.begin()
		for _, g := range c.groups {
			from, to := m[2*g.index], m[2*g.index+1]
			if from < 0 {
				continue
			}
			v, ok := looseNumber(line[from:to])
			switch {
			case !ok:
			case g.name == "step":
				p.setStep(v)
			default:
				p.path = append(p.path[:0], g.name...)
				p.add(v)
			}
		}
		p.flush(at, emit)
	}
}

// words reads `name=value` words; others on the line are ignored.
func (p *Parser) words(line []byte, at int64, emit func(sweep.Report)) {
	p.begin()
	for w := range bytes.FieldsSeq(line) {
		name, value, ok := bytes.Cut(w, []byte("="))
		if !ok {
			continue
		}
		v, ok := plainNumber(string(value))
		switch {
		case !ok:
		case string(name) == "step":
			p.setStep(v)
		default:
			p.path = append(p.path[:0], name...)
			p.add(v)
		}
	}
	p.flush(at, emit)
}
