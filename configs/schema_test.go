package configs

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaGolden is what the shipped examples name for editors.
const schemaGolden = "examples/sweep.schema.json"

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as the loader does, without judging it.
func asJSON(t *testing.T, src []byte) any {
	t.Helper()
	var r report
	n := r.parse("", src)
	if n == nil || len(r.errs) > 0 {
		t.Fatalf("%v", r.errs)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(n.appendJSON(nil)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemaAccepts(t *testing.T) {
	s := compileSchema(t)
	files, _ := filepath.Glob("examples/*.yaml")
	shared, _ := filepath.Glob(cases + "/wandb/*.yaml")
	for _, path := range append(append(files, shared...), "testdata/spec.yaml") {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(path, src, Options{}); err != nil {
			continue
		}
		if err := s.Validate(asJSON(t, src)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSchemaRejects(t *testing.T) {
	s := compileSchema(t)
	for _, edit := range []string{
		"method: bayess", "metric: {name: a, goal: maximum}", "metric: {nmae: a}", "parameters: {}", "parameters: {x: {min: '1e-3', max: 1}}",
		"parameters: {x: {distribution: unifrom, min: 0, max: 1}}", "parameters: {x: {min: 0, max: 1, foo: 2}}", "parameters: {x: {mu: 0, sigma: 1}}",
		"parameters: {x: {distribution: log_uniform_values, min: 0, max: 1}}", "parameters: {x: {distribution: q_uniform, min: 0, max: 1, q: 0}}",
		"parameters: {x: {values: []}}", "parameters: {x: {parameters: {y: {values: 3}}}}", "parameters: {x: {distribution: categorical, value: 3}}",
		"command: python train.py", "run_cap: 0", "run_cap: many", "budget: {wal: 1h}", "timeout: soon", "repeats: {sede: 1}", "log_limit: much",
		"resources: {cpu: 1}", "parallel: some", "metrics: [{name: a}]\nmetric: {name: b}", "zip: [a, b]", "trainer: {lerning_rate: 1}",
	} {
		src := "method: grid\nparameters: {x: [1]}\n"
		key, _, _ := strings.Cut(edit, ":")
		if key == "method" || key == "parameters" {
			src = strings.Replace("method: grid\nparameters: {x: [1]}\n", key+":", "was_"+key+":", 1)
		}
		if s.Validate(asJSON(t, []byte(src+edit+"\n"))) == nil {
			t.Errorf("%s: accepted", edit)
		}
	}
}

// TestSchemaFile keeps the shipped schema like the tables; -update rewrites it.
func TestSchemaFile(t *testing.T) {
	if *update {
		if err := os.WriteFile(schemaGolden, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaGolden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, Schema()) {
		t.Errorf("%s is not what Schema returns; go test ./configs -update", schemaGolden)
	}
}

func TestSchemaNamesEveryKey(t *testing.T) {
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for _, k := range table {
		if s.Properties[k.name] == nil {
			t.Errorf("%s is missing", k.name)
		}
	}
}
