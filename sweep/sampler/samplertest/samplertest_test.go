package samplertest

import (
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// TestValidFindsWhatIsWrong: a suite that accepts everything proves nothing.
func TestValidFindsWhatIsWrong(t *testing.T) {
	spaces := map[string]*sweep.Space{}
	for _, s := range Spaces() {
		spaces[s.Name] = s.Space
	}
	for _, tt := range []struct{ space, point, want string }{
		{"conditional", `{"lr":0.1,"opt":"sgd"}`, ""},
		{"conditional", `{"lr":100.0,"opt":"sgd"}`, "outside"},
		{"conditional", `{"lr":0.1,"opt":"sgd","beta":0.9}`, "make it"},
		{"conditional", `{"lr":0.1,"opt":"adam"}`, "no value"},
		{"zip", `{"lr":0.1,"opt":"sgd","depth":2,"width":16}`, "do not go together"},
		{"derived", `{"lr":0.1,"bias":1.0,"total":2.0,"a":2.1}`, "make it"},
		{"constrained", `{"lr":3.0,"opt":"sgd","depth":2,"width":64}`, "constraint"},
	} {
		p, err := spaces[tt.space].ParseJSON([]byte(tt.point))
		if err != nil {
			t.Fatal(err)
		}
		err = valid(spaces[tt.space], p)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s %s: got %v; want %q", tt.space, tt.point, err, tt.want)
		}
	}
	if err := valid(spaces["zip"], nil); err == nil {
		t.Error("a point without values is valid")
	}
}

func TestSameFindsADifference(t *testing.T) {
	space := Spaces()[3].Space
	p, _, err := space.Decode([]float64{0.1, 0.1})
	if err != nil {
		t.Fatal(err)
	}
	q, _, _ := space.Decode([]float64{0.1, 0.2})
	a := []sweep.Proposal{{Point: p}}
	for name, b := range map[string][]sweep.Proposal{
		"length": nil, "index": {{Index: 1, Point: p}}, "note": {{Point: p, Note: "x"}}, "skipped": {{}}, "value": {{Point: q}},
	} {
		if same(space, a, b) == nil {
			t.Errorf("%s: no difference found", name)
		}
	}
	if err := same(space, a, a); err != nil {
		t.Error(err)
	}
}
