package configs

import (
	"encoding/json"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
)

// schemaURL is where editors find the schema.
const schemaURL = "https://raw.githubusercontent.com/trawl-sweep/trawl/main/configs/examples/sweep.schema.json"

type object = map[string]any

// Schema returns the JSON Schema of sweep files (draft 2020-12), made of the
// tables that the loader uses. It is stricter than the loader where that only
// warns about a key inside one of its maps, and laxer where it cannot compare
// (min < max).
func Schema() []byte {
	top := object{}
	for _, k := range table {
		if k.name == "command" {
			k.shape &^= text // the loader splits it, with a warning
		}
		top[k.name] = k.schema()
	}
	top["parameters"] = object{"$ref": "#/$defs/parameters"}
	s := object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"$id":         schemaURL,
		"title":       "trawl sweep file",
		"description": "W&B's sweep schema with trawl's further keys",
		"type":        "object",
		"properties":  top,
		"required":    []string{"parameters"},
		"not":         object{"required": []string{"metric", "metrics"}},
		"$defs": object{
			"parameters": object{"type": "object", "minProperties": 1, "description": "what is swept",
				"additionalProperties": object{"$ref": "#/$defs/parameter"}},
			"parameter": parameterSchema(),
		},
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("configs: schema: " + err.Error()) // maps, lists, texts and numbers only
	}
	return append(b, '\n')
}

// schema describes what check accepts.
func (k *key) schema() object {
	var any []object
	add := func(s shape, o object) {
		if k.shape&s == 0 {
			return
		}
		if o["type"] != "string" {
			if k.least != nil {
				o["minimum"] = *k.least
			}
			if k.above != nil {
				o["exclusiveMinimum"] = *k.above
			}
		}
		any = append(any, o)
	}
	switch {
	case k.shape&anything != 0:
		return k.described(object{})
	case k.shape&text != 0 && k.words != nil:
		add(text, object{"type": "string", "enum": k.words})
	case k.shape&text != 0:
		any = append(any, object{"type": []string{"string", "number", "boolean"}})
	}
	add(integer, object{"type": "integer"})
	add(number, object{"type": "number"})
	if k.shape&boolean != 0 {
		any = append(any, object{"type": "boolean"})
	}
	add(duration, object{"type": "number"})
	add(duration, object{"type": "string", "pattern": `^([0-9.]+\s*(ms|secs?|s|mins?|m|hours?|h|days?|d|w)?\s*)+$`})
	add(size, object{"type": "number"})
	add(size, object{"type": "string", "pattern": `^[0-9.]+\s*([kKmMgGtT]i?)?[bB]?$`})
	if k.shape&listOf != 0 {
		any = append(any, object{"type": "array", "items": k.item.schema()})
	}
	if k.shape&open != 0 {
		any = append(any, object{"type": "object", "additionalProperties": k.item.schema()})
	}
	if k.shape&mapOf != 0 {
		props := object{}
		for i := range k.keys {
			props[k.keys[i].name] = k.keys[i].schema()
		}
		any = append(any, object{"type": "object", "properties": props, "additionalProperties": false})
	}
	if len(any) == 1 {
		return k.described(any[0])
	}
	return k.described(object{"anyOf": any})
}

func (k *key) described(o object) object {
	if k.doc != "" {
		o["description"] = k.doc
	}
	return o
}

// parameterSchema lists the forms of a parameter: trawl's short ones, nested
// parameters, derived values and W&B's distributions.
func parameterSchema() object {
	forms := []object{
		{"type": []string{"string", "number", "boolean"}, "description": "a constant"},
		{"type": "array", "minItems": 1, "description": "short for values"},
		closed([]string{"parameters"}, nil, object{"parameters": object{"$ref": "#/$defs/parameters"}}, "nested parameters"),
		closed([]string{"expr"}, anyParam, nil, "derived from other parameters"),
		closed(minMax, append([]string{"scale", "levels"}, anyParam...), nil, "uniform, or log_uniform_values by scale: log; integers where both bounds are"),
	}
	for _, d := range dists {
		may := append(slices.Clone(d.may), anyParam...)
		if d.levels() {
			may = append(may, "levels")
		}
		needs := slices.Clone(d.needs)
		fixed := object{"distribution": object{"enum": []string{string(d.dist)}}}
		if d.logs {
			for _, name := range minMax {
				fixed[name] = object{"type": "number", "exclusiveMinimum": 0}
			}
		}
		if d.dist == sweep.IntUniform {
			for _, name := range minMax {
				fixed[name] = object{"type": "integer"}
			}
		}
		switch d.dist {
		case sweep.Constant, sweep.Categorical, sweep.CategoricalWeighted:
			may = append(may, "distribution") // inferred without
		default:
			needs = append(needs, "distribution")
		}
		if len(d.needs) > 0 && d.needs[0] == "min" && !d.exps {
			may = append(may, "scale")
		}
		forms = append(forms, closed(needs, may, fixed, ""))
	}
	return object{"anyOf": forms, "description": "a parameter: a constant, a list of values, or a distribution"}
}

// closed is an object of these keys and no others.
func closed(needs, may []string, fixed object, doc string) object {
	props := object{}
	for _, name := range slices.Concat(needs, may) {
		props[name] = lookup(paramKeys, name).schema()
	}
	for name, s := range fixed {
		props[name] = s
	}
	if v, ok := props["values"].(object); ok {
		v["minItems"] = 1
	}
	o := object{"type": "object", "properties": props, "required": needs, "additionalProperties": false}
	if doc != "" {
		o["description"] = doc
	}
	return o
}
