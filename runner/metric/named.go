package metric

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"

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
	bar  bool   // it is a progress bar of Keras, with the groups i and n: see bar
}

// recipes by name, in the words of the programs whose lines they read. Where a
// line has no step, each metric takes its last + 1.
//
// Sources, for the forms of the lines: output of xgboost 1.7.4, svm-train 3.24,
// liblinear-train 2.3, fasttext 0.9.2 and scikit-learn 1.2.1; LightGBM 4.3,
// Lightning 2.2; keras/src/utils/progbar.py 3.6 and 2.15; CatBoost's
// documentation of its standard output (catboost.ai, output-data); the
// ProgressCallback of transformers 4.44, and of 5.0, which has texts for numbers.
var recipes = map[string]recipe{
	// loss=0.3, acc=91% … anywhere.
	"key=value": {lines: []namedLine{{line: `(?P<in>.*)`, pair: `(?P<key>[A-Za-z_][\w./-]*)\s*=\s*(?P<value>` + decimal + `)`}}},
	// [12]	train-rmse:0.48	eval-rmse:0.50 of xgboost, also with ±, and LightGBM's.
	"xgboost": {lines: []namedLine{{line: `^(?:\[[\d:]+\]\s+)?\[(?P<step>\d+)\](?P<in>\s.*)`, pair: `(?P<key>[A-Za-z_][^\t:]*):\s*(?P<value>` + decimal + `)`}}},
	// The progress bar, Epoch 3: 100%|…| 10/10 [00:01<00:00, v_num=0, val_loss=0.5], and the tables of test and validate.
	"pytorch-lightning": {lines: []namedLine{
		{line: `Epoch (?P<step>\d+):.*\d+/\d+ \[(?P<in>.*)\]`, pair: `(?P<key>[A-Za-z_][\w./-]*)=(?P<value>` + decimal + `)`},
		{line: `^\s*[│|]?(?P<in>\s+[A-Za-z_][\w./-]*\s+(?:[│|]\s*)?(?:` + decimal + `)\s*)[│|]?\s*$`, pair: `(?P<key>[A-Za-z_][\w./-]*)\s+(?:[│|]\s*)?(?P<value>` + decimal + `)`},
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
	}, lines: []namedLine{
		{line: `\[CV[^\]]*\] END (?P<in>.*) total time=`, pair: `(?P<key>\w+): \((?:train=[^,]+, )?test=(?P<value>` + decimal + `)`},
	}},
	// 10/10 [=====] - 1s 5ms/step - loss: 0.5 - val_loss: 0.6, below Epoch 3/20.
	"keras": {lines: []namedLine{{bar: true, line: `^\s*(?P<i>\d+)/(?P<n>\d+|Unknown) (?P<in>.*)`, pair: ` - (?P<key>[A-Za-z_][\w./-]*): (?P<value>` + decimal + `)`}}},
	// Progress: 100.0% words/sec/thread: 9960 lr: 0.0 avg.loss: 0.13 ETA: 0h 0m 0s; the step is the percentage. P@1 0.98 of test.
	"fasttext": {
		patterns: []string{`Progress: *(?P<step>\d+)\S*% .*\blr: *(?P<lr>\S+) .*\bloss: *(?P<loss>\S+)`},
		lines:    []namedLine{{line: `^(?P<in>[PR]@\d+\s+\S+)\s*$`, pair: `(?P<key>[PR]@\d+)\s+(?P<value>` + decimal + `)`}},
	},
	"libsvm":    svm,
	"liblinear": svm,
	// 3:	learn: 0.61	test: 0.63	best: 0.63 (3)	total: 1ms	remaining: 2ms
	"catboost": {lines: []namedLine{{line: `^(?P<step>\d+):\s+(?P<in>(?:learn|test\d*): .*)`, pair: `(?P<key>learn|test\d*|best): (?P<value>` + decimal + `)`}}},
	// {'loss': 0.3, 'learning_rate': 5e-05, 'epoch': 1.0}
	"transformers": {lines: []namedLine{{line: `(?P<in>\{'[^{}]*\})\s*$`, pair: `'(?P<key>[^']+)': '?(?P<value>` + decimal + `)`}}},
}

// svm is what the programs of LIBSVM and LIBLINEAR print.
var svm = recipe{patterns: []string{
	`^Cross Validation Accuracy = (?P<cv_accuracy>\S+)`,
	`^Cross Validation Mean squared error = (?P<cv_mse>\S+)`,
	`^Cross Validation Squared correlation coefficient = (?P<cv_r2>\S+)`,
	`^Best C = (?P<best_c>\S+) .*CV (?:accuracy|rate) = (?P<cv_accuracy>\S+)`,
	`^Best C = (?P<best_c>\S+) .*CV MSE = (?P<cv_mse>\S+)`,
	`^Accuracy = (?P<accuracy>\S+)`,
	`^Mean squared error = (?P<mse>\S+)`,
	`^Squared correlation coefficient = (?P<r2>\S+)`,
	`^obj = (?P<obj>\S+), rho`,
	`^Objective value = (?P<obj>\S+)`,
}}

// bareNumber is the pattern of lines that are a number and nothing else.
const bareNumber = "number"

// bareName is the metric of such a pattern.
func bareName(src string) (name string, ok bool) {
	if src == bareNumber {
		return bareNumber, true
	}
	return strings.CutPrefix(src, bareNumber+":")
}

// Named returns a ready-made pattern for a sweep with an objective: `number` is
// number:OBJECTIVE. Other patterns stay as they are.
func Named(pattern, objective string) string {
	if pattern == bareNumber && objective != "" {
		return bareNumber + ":" + objective
	}
	return pattern
}

// IsName reports whether a pattern is a ready-made one.
func IsName(pattern string) bool {
	_, bare := bareName(pattern)
	_, ok := recipes[pattern]
	return ok || bare
}

// Names are the ready-made patterns, which New takes in place of regular
// expressions.
func Names() []string {
	names := append(slices.Collect(maps.Keys(recipes)), bareNumber)
	slices.Sort(names)
	return names
}

// pairs is a namedLine, compiled.
type pairs struct {
	line, pair      *regexp.Regexp
	step, in        int // indices of groups; step -1 if there is none
	i, n            int // of a bar; -1
	key, valueIndex int
}

func compilePairs(n namedLine) pairs {
	c := pairs{line: regexp.MustCompile(n.line), pair: regexp.MustCompile(n.pair)}
	c.step, c.in = c.line.SubexpIndex("step"), c.line.SubexpIndex("in")
	c.i, c.n = c.line.SubexpIndex("i"), c.line.SubexpIndex("n")
	c.key, c.valueIndex = c.pair.SubexpIndex("key"), c.pair.SubexpIndex("value")
	return c
}

// matchPairs emits the pairs of a line, which share its step.
func (p *Parser) matchPairs(c *pairs, line []byte, at int64, emit func(sweep.Report)) {
	if c.i >= 0 && p.bar.begins(line) {
		return
	}
	m := c.line.FindSubmatch(line)
	if m == nil {
		return
	}
	in, prefix := m[c.in], ""
	if c.i >= 0 {
		whole := bytes.Equal(m[c.i], m[c.n])
		if prefix = p.bar.look(whole, len(c.pair.FindAllIndex(in, maxLine))); !whole {
			return
		}
	}
	p.begin()
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
			p.path = append(append(p.path[:0], prefix...), key...)
			p.add(v)
		}
	}
	if c.i >= 0 && prefix == "" {
		p.step = p.bar.epoch
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
	before := from == 0 || slices.Contains([]byte(" \t,;|[({\"'"), b[from-1])
	after := to == len(b) || slices.Contains([]byte(" \t\r\n,;|])}+\"'"), b[to]) || b[to] == '.' && (to+1 == len(b) || b[to+1] == ' ')
	return before && after
}
