package guess

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// write lays the file out.
func (d *draft) write() File {
	var b strings.Builder
	format := d.Program.Format
	fmt.Fprintf(&b, "# A sweep of %s, guessed from %s (%s). Look it over, then:\n#   trawl plan, trawl try, trawl run\n",
		comment(strings.Join(d.Argv, " ")), orElse(d.From, "its help"), orElse(format, "no known format"))
	b.WriteString("# Ranges are the usual ones of parameters of that name, around the default.\n")
	for _, m := range d.file.Missing {
		fmt.Fprintf(&b, "# FILL IN below: %s\n", comment(m))
	}
	quoted := make([]string, len(d.words))
	for i, w := range d.words {
		quoted[i] = quote(w)
	}
	fmt.Fprintf(&b, "command: [%s]\n", strings.Join(quoted, ", "))
	if d.dashes {
		b.WriteString("dashes: true                # weight_decay is passed as --weight-decay\n")
	}
	d.writeLeft(&b)
	d.writeMetric(&b)
	b.WriteString("method: sobol               # spread evenly; auto learns from the results; also random, grid, tpe …\n")
	if d.seed != nil {
		param := ""
		if !d.seedAt && d.Program.Style == Equals && strings.HasPrefix(d.seed.Spelling, "--") || d.Program.Style == Config {
			param = ", parameter: " + quote(d.seedName())
		}
		fmt.Fprintf(&b, "run_cap: 60                 # trials: 20 points with 3 seeds each\n")
		fmt.Fprintf(&b, "repeats: {count: 3%s}   # %s\n", param, comment(d.seed.Spelling, d.seed.help()))
	} else {
		b.WriteString("run_cap: 20                 # how many trials\n")
	}
	b.WriteString("parameters:\n")
	width := 0
	for _, l := range slices.Concat(d.lines, d.offers) {
		width = max(width, min(56, len(l.name)+len(l.value)+4))
	}
	for _, l := range d.lines {
		d.writeLine(&b, "  ", l, width)
	}
	if len(d.lines) == 0 {
		b.WriteString("  # No flag is a parameter to sweep by its name alone. Enable one of these:\n")
	} else if len(d.offers) > 0 {
		b.WriteString("  # Not swept, until you take the # away:\n")
	}
	for _, l := range d.offers {
		d.writeLine(&b, "  # ", l, width)
	}
	d.file.Text = b.String()
	return d.file
}

// seedName is the name under which ${args} passes the seed as it is spelled.
func (d *draft) seedName() string {
	if d.dashes {
		return d.seed.Name
	}
	return strings.TrimLeft(d.seed.Spelling, "-")
}

func (d *draft) writeLine(b *strings.Builder, begin string, l line, width int) {
	text := quote(l.name) + ": " + l.value
	if l.value == "" {
		text = l.name
	}
	if l.note == "" {
		fmt.Fprintf(b, "%s%s\n", begin, text)
		return
	}
	pad := max(1, width-utf8.RuneCountInString(text)-len(begin)+2)
	fmt.Fprintf(b, "%s%s%s # %s\n", begin, text, strings.Repeat(" ", pad), l.note)
}

// writeLeft names what a sweep should not touch.
func (d *draft) writeLeft(b *strings.Builder) {
	if len(d.fixed) > 0 {
		wrap(b, "Set in the command, so the same for all trials: ", d.fixed)
	}
	if len(d.left) > 0 {
		wrap(b, "Not to be swept (data, devices, output, logs); set them in the command: ", d.left)
	}
}

// wrap writes a list as a comment of lines.
func wrap(b *strings.Builder, begin string, words []string) {
	line := "# " + begin
	for i, w := range words {
		if w = comment(w); i+1 < len(words) {
			w += ", "
		}
		if len(line)+len(w) > 100 {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = "#   "
		}
		line += w
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// writeMetric says what ranks, and how it is read.
func (d *draft) writeMetric(b *strings.Builder) {
	m, known := d.Metric, d.Metric.Name != ""
	if d.Program.Format == "libsvm" {
		m, known = Metric{Name: "cv_accuracy", Maximize: true, Pattern: `Cross Validation Accuracy = (?P<cv_accuracy>\S+)`}, true
	}
	if !known {
		b.WriteString("metric: {name: val_loss, goal: minimize}   # a guess: trawl init --probe runs the program once to find it\n")
		b.WriteString("# How it is read: JSON lines on the output, {\"step\": 1, \"val_loss\": 0.5}, need nothing. Else one of:\n")
		b.WriteString("# report: {pattern: key=value}               # also pytorch-lightning, sklearn, xgboost\n")
		b.WriteString("# report: {patterns: ['epoch +(?P<step>\\d+).* val_loss[ =:]+(?P<val_loss>\\S+)']}\n")
		return
	}
	goal := "minimize"
	if m.Maximize {
		goal = "maximize"
	}
	fmt.Fprintf(b, "metric: {name: %s, goal: %s}\n", quote(m.Name), goal)
	if m.Pattern != "" {
		fmt.Fprintf(b, "report: {patterns: [%s]}\n", quote(m.Pattern))
	}
	if len(m.Others) > 0 {
		wrap(b, "It reports as well: ", m.Others[:min(len(m.Others), 20)])
	}
}

// help is the description without what stands elsewhere in the file.
func (f *Flag) help() string {
	s := f.Help
	for _, re := range []pattern{defaults[0], defaults[1], required, abslTyped, clickBounds} {
		s = re().ReplaceAllString(s, "")
	}
	s = strings.Join(strings.Fields(s), " ")
	return strings.TrimSuffix(strings.TrimSuffix(s, " ."), " ,")
}

// comment joins what is said of a line, and keeps it in one.
func comment(parts ...string) string {
	const most = 90
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, strings.Join(parts, "; "))
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	return s
}
