package main

import (
	"regexp"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// What argparse, click, typer and absl say of an argument that they do not take.
var (
	flagHasNoValue = regexp.MustCompile(`ignored explicit argument '(?:True|False)'|[Oo]ption '?-[^ ]*'? does not take a value`)
	unknownOption  = regexp.MustCompile(`(?i)(?:unrecognized arguments|no such option|unknown command line flag|unrecognized option)[: ].*?'?-{0,2}([A-Za-z]\w*_\w*)`)
)

// hint is what a sweep file needs so that its script takes the arguments, "" if
// nothing is known: why is why the sweep has ended, output the last lines of a
// trial.
func hint(spec *sweep.Spec, why string, output []string) string {
	text := strings.Join(output, "\n")
	if flagHasNoValue.MatchString(text) {
		return "its flags take no value; want ${args_no_boolean_flags} in the command"
	}
	if m := unknownOption.FindStringSubmatch(text); m != nil && !spec.Dashes {
		if _, ok := spec.Space.Index(m[1]); ok {
			return "it has no --" + m[1] + "; want dashes: true for --" + strings.ReplaceAll(m[1], "_", "-")
		}
	}
	if strings.Contains(why, "no_objective") && len(spec.Objectives) > 0 {
		return "nothing was read as " + spec.Objectives[0].Name + "; trawl try shows what is read, trawl help your-script how to say what to read"
	}
	return ""
}
