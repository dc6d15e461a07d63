package guess

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/sweep"
)

// A Metric is what a sweep can rank by, and how it is read.
type Metric struct {
	Name     string
	Maximize bool
	Pattern  string   // for report.patterns; "" if it is reported without one
	Others   []string // further names that are read in the same way
}

// FindMetric looks for a metric in what a program reported and printed. reports
// are the names that came without any pattern: JSON lines, $TRAWL_METRICS, the
// stand-in for wandb, event files. ok is false if nothing was found.
func FindMetric(reports []string, output string) (m Metric, ok bool) {
	if m, ok = choose(reports, ""); ok && m.known() {
		return m, true
	}
	best := m
	lines := strings.Split(strings.ReplaceAll(output, "\r", "\n"), "\n")
	if len(lines) > 20_000 {
		lines = lines[len(lines)-20_000:]
	}
	for _, name := range []string{"pytorch-lightning", "xgboost", "sklearn", "key=value"} {
		got, found := choose(read([]string{name}, lines), name)
		if found && got.known() {
			return got, true
		}
		if found && best.Name == "" {
			best = got
		}
	}
	if got, found := guessPattern(lines); found {
		return got, true
	}
	if got, found := guessTable(lines); found {
		return got, true
	}
	return best, best.Name != ""
}

// read returns the names that patterns find in lines, in the order of their
// first sight.
func read(patterns, lines []string) (names []string) {
	p, err := metric.New(patterns)
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	for _, l := range lines {
		if len(l) > 64<<10 || strings.HasPrefix(strings.TrimSpace(l), `{"`) {
			continue
		}
		p.Line([]byte(l), 0, func(r sweep.Report) {
			if !seen[r.Name] && len(names) < 200 {
				seen[r.Name] = true
				names = append(names, r.Name)
			}
		})
	}
	return names
}

// measures are the words for what is ranked by, best first; up: more is better.
var measures = []struct {
	re pattern
	up bool
}{
	{lazy(`(?i)(^|[^a-z])(accuracy|acc|acc1|top_?1|f1|f1_?score|auc|auroc|roc_auc|m?ap|map50|iou|miou|dice|bleu|rouge\w*|r2|r_?squared|precision|recall|ndcg|hit_?rate|psnr|ssim|p@1)($|[^a-z])`), true},
	{lazy(`(?i)(^|[^a-z])(error|err|rmse|mse|mae|mape|smape|wer|cer|perplexity|ppl|logloss|log_loss|bpc|bpb|nll|elbo_loss|fid|merror)($|[^a-z])`), false},
	{lazy(`(?i)(^|[^a-z])(loss|cost|objective|xent|cross_?entropy|obj)($|[^a-z])`), false},
	{lazy(`(?i)(^|[^a-z])(score|reward|return|ep_rew_mean|likelihood)($|[^a-z])`), true},
}

// part says of which part of the data a metric is: those that were held out are
// what a sweep should rank by.
var parts = []pattern{
	lazy(`(?i)(^|[^a-z])(val|valid|validation|dev|cv|cross.?validation)`),
	lazy(`(?i)(^|[^a-z])(eval|evaluation|heldout|oof)`),
	lazy(`(?i)(^|[^a-z])(test)`),
}

var training = lazy(`(?i)(^|[^a-z])(train|training|batch|step|lr|epoch)`)

// weight ranks a name: the less the better; known is false for a name that says
// nothing of being a measure.
func weight(name string) (w int, up, known bool) {
	spaced := hump().ReplaceAllString(name, "${1}_${2}")
	w = len(measures)
	for i, m := range measures {
		if m.re().MatchString(spaced) {
			w, up, known = i, m.up, true
			break
		}
	}
	p := slices.IndexFunc(parts, func(re pattern) bool { return re().MatchString(spaced) })
	switch {
	case p >= 0:
	case training().MatchString(spaced):
		p = len(parts) + 2
	default:
		p = len(parts)
	}
	if !known {
		w += 100
	}
	return w + 10*p, up, known
}

func (m Metric) known() bool {
	_, _, known := weight(m.Name)
	return known
}

// bookkeeping are numbers that programs print beside their metrics.
var bookkeeping = lazy(`(?i)^(step|epoch|iter(ation)?s?|time|elapsed|eta|lr|learning_rate|seconds?|s|ms|it|its|batch|seed|size|n|num\w*|count|rank|gpu|mem\w*|global_step|_\w+|trainer/global_step|system/.*|\w*per_sec(ond)?|\w*runtime)$`)

// choose picks the metric of names that a sweep should rank by.
func choose(names []string, pattern string) (Metric, bool) {
	var kept []string
	for _, n := range names {
		if n != "" && !bookkeeping().MatchString(n) {
			kept = append(kept, n)
		}
	}
	if len(kept) == 0 {
		return Metric{}, false
	}
	slices.SortStableFunc(kept, func(a, b string) int {
		x, _, _ := weight(a)
		y, _, _ := weight(b)
		return x - y
	})
	_, up, _ := weight(kept[0])
	return Metric{Name: kept[0], Maximize: up, Pattern: pattern, Others: kept[1:]}, true
}

var (
	// labelled matches words with a number behind them: val loss: 0.31, Accuracy = 92%.
	labelled = lazy(`([A-Za-z][A-Za-z0-9_@/.-]*(?: [A-Za-z][A-Za-z0-9_@/.-]*){0,3})(["']?\s*(?:=|:|->|is|of)?\s*)\(?([-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?%?|nan|inf)`)
	counter  = lazy(`(?i)\b(epoch|iter|iteration|step|round)\b([\s:=\[(#]*)(\d+)`)
)

// guessPattern makes a regular expression for the lines that show a measure.
func guessPattern(lines []string) (m Metric, ok bool) {
	type found struct {
		name, re string
		last     int // line
	}
	var all []found
	for n, l := range lines {
		if len(l) > 2000 || strings.HasPrefix(strings.TrimSpace(l), `{"`) { // JSON is read without a pattern
			continue
		}
		for _, at := range labelled().FindAllStringSubmatchIndex(l, -1) {
			label, joint := measured(l[at[2]:at[3]]), l[at[4]:at[5]]
			if label == "" {
				continue
			}
			f := found{name: groupName(label), last: n, re: expression(l, l[at[3]-len(label):at[3]], joint, at[3])}
			if i := slices.IndexFunc(all, func(g found) bool { return g.re == f.re }); i >= 0 {
				all[i].last = n
			} else if len(all) < 100 {
				all = append(all, f)
			}
		}
	}
	var names []string
	for _, f := range all {
		if !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	m, ok = choose(names, "")
	slices.SortStableFunc(all, func(a, b found) int { return b.last - a.last }) // what comes last is the evaluation at the end
	for _, f := range all {
		if ok && f.name == m.Name && slices.Contains(read([]string{f.re}, lines), m.Name) {
			m.Pattern, m.Others = f.re, nil
			return m, true
		}
	}
	return Metric{}, false
}

// guessTable makes a regular expression for the rows of a table, as fastai and
// skorch print them: a line of names, one of which is a measure, and soon behind
// it one of as many fields.
func guessTable(lines []string) (m Metric, ok bool) {
	for i, l := range lines {
		names := strings.Fields(l)
		if len(names) < 2 || len(names) > 20 {
			continue
		}
		if m, ok = choose(names, ""); !ok || !m.known() || strings.ContainsAny(l, "=:0123456789") {
			continue
		}
		for _, row := range lines[i+1 : min(len(lines), i+4)] {
			fields := strings.Fields(row)
			at := slices.Index(names, m.Name)
			if len(fields) != len(names) || !decimalNumber().MatchString(fields[at]) {
				continue
			}
			var b strings.Builder
			b.WriteString("^")
			for j, n := range names {
				group := `\S+`
				switch {
				case j == at:
					group = "(?P<" + groupName(n) + `>[-+.\w%]+)`
				case counter().MatchString(n + " 1"):
					group = `(?P<step>\d+)`
				}
				b.WriteString(`\s*` + ifText(j > 0, `\s`, "") + group)
			}
			m.Name, m.Pattern, m.Others = groupName(m.Name), b.String()+`\s*$`, nil
			return m, true
		}
	}
	return Metric{}, false
}

// measured cuts a label down to the words that name a measure, "" if none does:
// of `Epoch took, val loss` the last two.
func measured(label string) string {
	words := strings.Fields(label)
	for n := min(3, len(words)); n > 0; n-- {
		tail := words[len(words)-n:]
		w, _, known := weight(strings.Join(tail, " "))
		first, _, _ := weight(strings.Join(tail[1:], " "))
		switch {
		case !known:
		case n == 1, w < first: // the word before says of which part of the data it is
			return strings.Join(tail, " ")
		case training().MatchString(tail[0]):
			return strings.Join(tail, " ")
		}
	}
	return ""
}

// expression is a regular expression for a label and the number behind it, with
// the number of the epoch before where the line has one. at is the label's end.
func expression(line, label, joint string, at int) string {
	var b strings.Builder
	if c := counter().FindStringSubmatchIndex(line); c != nil && c[1] <= at-len(label) {
		b.WriteString(regexp.QuoteMeta(line[c[2]:c[3]]) + `[\s:=\[(#]*(?P<step>\d+).*?`)
	}
	words := strings.Fields(label)
	for i := range words {
		words[i] = regexp.QuoteMeta(words[i])
	}
	b.WriteString(`\b` + strings.Join(words, `\s+`))
	if mark := strings.TrimSpace(joint); mark != "" {
		b.WriteString(`\s*` + regexp.QuoteMeta(mark))
	}
	fmt.Fprintf(&b, `\s*\(?(?P<%s>[-+.\w%%]+)`, groupName(label))
	return b.String()
}

// groupName makes a name for a group of a regular expression of a label.
func groupName(label string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(label) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	s := strings.Trim(b.String(), "_")
	if s == "" || s[0] >= '0' && s[0] <= '9' || s == "step" {
		return "m" + strconv.Itoa(len(label))
	}
	return s
}
