package metric

import (
	"maps"
	"regexp"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
)

// decimal is a number as programs print it.
const decimal = `[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?%?|[-+]?(?i:nan|inf|infinity)`

// A recipe is a ready-made pattern: regular expressions as users write them, and
// lines that name their metrics themselves.
type recipe struct {
	patterns []string
	lines    []namedLine
}

// A namedLine finds pairs of a name and a number.
type namedLine struct {
	line string // what the line looks like; of its groups, step is the step, in is where the pairs are
	pair string // with the groups key and value
}

// recipes by name, in the words of the programs whose lines they read.
var recipes = map[string]recipe{
	// loss=0.3, acc=91% … anywhere.
	"key=value": {lines: []namedLine{{`(?P<in>.*)`, `(?P<key>[A-Za-z_][\w./-]*)\s*=\s*(?P<value>` + decimal + `)`}}},
	// [12]	train-rmse:0.48	eval-rmse:0.50 of xgboost, also with ±, and LightGBM's.
	"xgboost": {lines: []namedLine{{`^(?:\[[\d:]+\]\s+)?\[(?P<step>\d+)\](?P<in>\s.*)`, `(?P<key>[A-Za-z_][^\t:]*):\s*(?P<value>` + decimal + `)`}}},
	// The progress bar, Epoch 3: 100%|…| 10/10 [00:01<00:00, v_num=0, val_loss=0.5], and the tables of test and validate.
	"pytorch-lightning": {lines: []namedLine{
		{`Epoch (?P<step>\d+):.*\d+/\d+ \[(?P<in>.*)\]`, `(?P<key>[A-Za-z_][\w./-]*)=(?P<value>` + decimal + `)`},
		{`^\s*[│|]?(?P<in>\s+[A-Za-z_][\w./-]*\s+(?:[│|]\s*)?(?:` + decimal + `)\s*)[│|]?\s*$`, `(?P<key>[A-Za-z_][\w./-]*)\s+(?:[│|]\s*)?(?P<value>` + decimal + `)`},
	}},
	// What verbose estimators, searches and classification_report print.
	"sklearn": {patterns: []string{
		`^Iteration (?P<step>\d+), loss = (?P<loss>\S+)`,
		`^Validation score: (?P<validation_score>\S+)`,
		`Avg\. loss: (?P<avg_loss>[^\s,]+)`,
		`^ +(?P<step>\d+) +(?P<train_loss>\d+\.\d+) +(?:-?\d+\.\d+ +)?\d+\.\d+[smh]$`,
		`\[CV[^\]]*\] END .*score=(?:\(train=[^,]+, test=)?(?P<score>[^\s)]+)`,
		`^ *accuracy +(?P<accuracy>\d\S*) +\d+$`,
		`^ *macro avg +\S+ +\S+ +(?P<macro_f1>\d\S*) +\d+$`,
		`^ *weighted avg +\S+ +\S+ +(?P<weighted_f1>\d\S*) +\d+$`,
	}},
}

// Names are the ready-made patterns, which New takes in place of regular
// expressions.
func Names() []string { return slices.Sorted(maps.Keys(recipes)) }

// pairs is a namedLine, compiled.
type pairs struct {
	line, pair      *regexp.Regexp
	step, in        int // indices of groups; step -1 if there is none
	key, valueIndex int
}

func compilePairs(n namedLine) pairs {
	c := pairs{line: regexp.MustCompile(n.line), pair: regexp.MustCompile(n.pair)}
	c.step, c.in = c.line.SubexpIndex("step"), c.line.SubexpIndex("in")
	c.key, c.valueIndex = c.pair.SubexpIndex("key"), c.pair.SubexpIndex("value")
	return c
}

// matchPairs emits the pairs of a line, which share its step.
func (p *Parser) matchPairs(c *pairs, line []byte, at int64, emit func(sweep.Report)) {
	m := c.line.FindSubmatch(line)
	if m == nil {
		return
	}
	p.begin()
	in := m[c.in]
	for _, at := range c.pair.FindAllSubmatchIndex(in, maxLine) {
		from, to := at[2*c.key], at[2*c.valueIndex+1]
		if !stands(in, from, to) {
			continue
		}
		key := in[from:at[2*c.key+1]]
		v, ok := looseNumber(in[at[2*c.valueIndex]:to])
		switch {
		case !ok || string(key) == "v_num": // Lightning's number of the run
		case string(key) == "step":
			p.setStep(v)
		default:
			p.path = append(p.path[:0], key...)
			p.add(v)
		}
	}
	if c.step >= 0 {
		if v, ok := plainNumber(string(m[c.step])); ok {
			p.setStep(v)
		}
	}
	p.flush(at, emit)
}

// stands reports whether b[from:to] is a pair by itself and no part of a longer
// word, such as --lr=0.1 or at=10:30.
func stands(b []byte, from, to int) bool {
	before := from == 0 || slices.Contains([]byte(" \t,;|[({\""), b[from-1])
	after := to == len(b) || slices.Contains([]byte(" \t\r\n,;|])}+\""), b[to]) || b[to] == '.' && (to+1 == len(b) || b[to+1] == ' ')
	return before && after
}
