package main

import (
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
)

// newYourScriptTopic is no command but a page: trawl help your-script.
func newYourScriptTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "your-script",
		Short: "How a script gets its values and reports, by framework",
		Long:  strings.TrimRight(plainPage(configs.YourScript), "\n"),
	}
}

// plainPage makes text for a terminal of a Markdown page: of a table's row, a
// paragraph whose first line is its first cell.
func plainPage(page string) string {
	var b strings.Builder
	var head []string
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
			b.WriteString(strings.ToUpper(strings.TrimLeft(line, "# ")) + "\n")
		case strings.HasPrefix(line, "|---"):
		case strings.HasPrefix(line, "|") && head == nil:
			head = cells(line)
		case strings.HasPrefix(line, "|"):
			plainRow(&b, cells(line))
		default:
			head = nil
			b.WriteString(bare.Replace(line) + "\n")
		}
	}
	return b.String()
}

// cells are the cells of a row of a table, their bars no longer escaped.
func cells(row string) []string {
	row = strings.ReplaceAll(row, `\|`, "\x00")
	parts := strings.Split(strings.Trim(row, "|"), "|")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(strings.TrimSpace(p), "\x00", "|")
	}
	return parts
}

var bare = strings.NewReplacer("`", "")

// between two pieces of code, a blank stands for a line's end.
var between = regexp.MustCompile("` `")

func plainRow(b *strings.Builder, cells []string) {
	b.WriteString("  " + bare.Replace(cells[0]) + "\n")
	for _, c := range cells[1:] {
		if c != "" {
			b.WriteString("      " + bare.Replace(between.ReplaceAllString(c, "`\n      `")) + "\n")
		}
	}
}
