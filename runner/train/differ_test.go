package train

import "testing"

func TestDifferences(t *testing.T) {
	const is = `{"Data":"ab","LR":0.1,"Hidden":[8],"Options":{"Split":{"Train":5},"Seed":1}}`
	for _, tt := range []struct{ name, was, want string }{
		{"a list", `{"Data":"ab","LR":0.1,"Hidden":[9],"Options":{"Split":{"Train":5},"Seed":1}}`, "hidden: [9]; want [8]"},
		{"inside, and the data", `{"Data":"cd","LR":0.1,"Hidden":[8],"Options":{"Split":{"Train":4},"Seed":1}}`,
			"the data or what is made of them, options.split.train: 4; want 5"},
		{"an older one", `{"Data":"ab","Hidden":[8],"Options":{"Split":{"Train":5},"Seed":1}}`, "lr: not known; want 0.1"},
		{"a newer one", `{"New":1,"Data":"ab","LR":0.1,"Hidden":[8],"Options":{"Split":{"Train":5},"Seed":1}}`, "written by another version of trawl"},
		{"no object", `17`, "the data or what is made of them, hidden: not known; want [8], lr: not known; want 0.1, " +
			"options.seed: not known; want 1, options.split.train: not known; want 5"},
	} {
		if got := differences(tt.was, is); got != tt.want {
			t.Errorf("%s: got %q want %q", tt.name, got, tt.want)
		}
	}
}
