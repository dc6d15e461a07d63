package configs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func keysOf(cs []Change) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Key)
	}
	return strings.Join(out, " ")
}

func TestCompare(t *testing.T) {
	const base = "name: s\nmethod: grid\nprogram: t\nparameters: {lr: {values: [1, 2]}, b: 1}\nbudget: {wall: 1h}\n"
	tests := []struct{ name, edit, how, what string }{
		{"nothing", base, "", ""},
		{"comments and order", "# c\nprogram: t\nmethod: grid\nname: s\nbudget: {wall: 1h}\nparameters: {b: 1.0, lr: {values: [1, 2]}}\n", "", ""},
		{"another spelling of a default", base + "seed: 0\nduplicates: skip\n", "", ""},
		{"user's keys", base + "dataset: 4\n", "", ""},
		{"how", base + "run_cap: 4\nenv: {A: b}\ntimeout: 2h\nhooks: {x: y}\n", "env hooks run_cap timeout", ""},
		{"inside a map", strings.Replace(base, "1h", "2h", 1), "budget.wall", ""},
		{"a value", strings.Replace(base, "[1, 2]", "[1, 3]", 1), "", "parameters.lr"},
		{"a new parameter", strings.Replace(base, "b: 1", "b: 1, c: 2", 1), "", "parameters.c"},
		{"a parameter less", strings.Replace(base, ", b: 1", "", 1), "", "parameters.b"},
		{"what", base + "seed: 3\nmetric: loss\nconstraints: ['lr > 0']\nrepeats: 3\npoints: [{lr: 1}]\nzip: [[lr, lr2]]\n", "", "constraints metric points repeats seed zip"},
		{"both", base + "seed: 3\nparallel: 2\n", "parallel", "seed"},
		{"another method", strings.Replace(base, "grid", "random", 1), "", "method"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edit := strings.Replace(tt.edit, "zip: [[lr, lr2]]\n", "zip: [[lr, lr2]]\n", 1)
			if strings.Contains(edit, "lr2") {
				edit = strings.Replace(edit, "b: 1}", "b: 1, lr2: [3, 4]}", 1)
				tt.what = "constraints metric parameters.lr2 points repeats seed zip"
			}
			a, b := parse(t, base).Spec, parse(t, edit).Spec
			how, what := Compare(a, b)
			if keySet(how) != tt.how || keySet(what) != tt.what {
				t.Errorf("got how %q, what %q; want %q, %q", keySet(how), keySet(what), tt.how, tt.what)
			}
			if same := a.Digest == b.Digest; same != (len(what) == 0) {
				t.Errorf("digests equal: %v, but what is %v", same, what)
			}
		})
	}
}

// keySet is the keys in order of the alphabet.
func keySet(cs []Change) string {
	words := strings.Fields(keysOf(cs))
	for i := range words {
		for j := i; j > 0 && words[j] < words[j-1]; j-- {
			words[j], words[j-1] = words[j-1], words[j]
		}
	}
	return strings.Join(words, " ")
}

func TestDiff(t *testing.T) {
	a := parse(t, "method: grid\nprogram: t\nparameters: {lr: [1, 2.0]}\n").Spec
	b := parse(t, "method: grid\nprogram: u\nparameters: {lr: [1], wd: 0.5}\nrun_cap: 3\n").Spec
	how, what := Compare(a, b)
	want := "- program: \"t\"\n+ program: \"u\"\n+ run_cap: 3\n- parameters.lr: [1,2.0]\n+ parameters.lr: [1]\n+ parameters.wd: 0.5\n"
	if d := cmp.Diff(want, Diff(append(how, what...))); d != "" {
		t.Error(d)
	}
	if Diff(nil) != "" {
		t.Error("no changes: got a text")
	}
}

func TestCheckExtend(t *testing.T) {
	a := parse(t, "method: grid\nprogram: t\nparameters: {lr: [1]}\n").Spec
	b := parse(t, "method: grid\nprogram: t\nparameters: {lr: [1], wd: {values: [0, 1], was: 0}, clip: [1]}\n").Spec
	ps := CheckExtend(a, b)
	if len(ps) != 1 || !strings.Contains(ps[0].Error(), "clip is new") {
		t.Errorf("got %v, want one about clip", ps)
	}
}
