package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
	"go.starlark.net/starlark"
)

// toStarlark makes v a value of the interpreter; Absent and Null are None.
func toStarlark(v sweep.Value) starlark.Value {
	switch v.Kind() {
	case sweep.Bool:
		f, _ := v.Number()
		return starlark.Bool(f != 0)
	case sweep.Int:
		i, _ := v.Int64()
		return starlark.MakeInt64(i)
	case sweep.Float:
		f, _ := v.Number()
		return starlark.Float(f)
	case sweep.String:
		return starlark.String(v.Text())
	case sweep.JSON:
		return fromAny(v.Any())
	}
	return starlark.None
}

// fromAny makes a list or a dict of decoded JSON.
func fromAny(x any) starlark.Value {
	switch x := x.(type) {
	case bool:
		return starlark.Bool(x)
	case string:
		return starlark.String(x)
	case json.Number:
		if v, ok := sweep.ParseNumber(x.String()); ok {
			return toStarlark(v)
		}
	case []any:
		list := make([]starlark.Value, len(x))
		for i, e := range x {
			list[i] = fromAny(e)
		}
		return starlark.NewList(list)
	case map[string]any:
		d := starlark.NewDict(len(x))
		names := keys(x)
		slices.Sort(names)
		for _, k := range names {
			_ = d.SetKey(starlark.String(k), fromAny(x[k])) // a fresh dict with text keys takes all
		}
		return d
	}
	return starlark.None
}

// fromStarlark makes a result a value of trawl.
func fromStarlark(v starlark.Value) (sweep.Value, error) {
	switch v := v.(type) {
	case starlark.NoneType:
		return sweep.NullValue(), nil
	case starlark.Bool:
		return sweep.BoolValue(bool(v)), nil
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			return sweep.IntValue(i), nil
		}
		return sweep.FloatValue(float64(v.Float())), nil
	case starlark.Float:
		return sweep.FloatValue(float64(v)), nil
	case starlark.String:
		return sweep.StringValue(string(v)), nil
	}
	x, err := toAny(v)
	if err != nil {
		return sweep.Value{}, err
	}
	return sweep.JSONValue(x)
}

// toAny makes what encoding/json takes; numbers keep their kind.
func toAny(v starlark.Value) (any, error) {
	switch v := v.(type) {
	case starlark.Tuple:
		return anyList(v)
	case *starlark.List:
		return anyList(v)
	case *starlark.Dict:
		out := make(map[string]any, v.Len())
		for _, kv := range v.Items() {
			k, ok := kv[0].(starlark.String)
			if !ok {
				return nil, fmt.Errorf("the key %s is not a text", kv[0])
			}
			x, err := toAny(kv[1])
			if err != nil {
				return nil, err
			}
			out[string(k)] = x
		}
		return out, nil
	case starlark.NoneType, starlark.Bool, starlark.Int, starlark.Float, starlark.String:
		w, err := fromStarlark(v)
		if err != nil {
			return nil, err
		}
		if f, ok := w.Number(); ok && w.Kind() == sweep.Float {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, errors.New("nan and inf have no place in a list")
			}
			return json.Number(w.Python()), nil
		}
		return w.Any(), nil
	}
	return nil, fmt.Errorf("a %s is not a value of a parameter", v.Type())
}

func anyList(seq starlark.Indexable) (any, error) {
	out := make([]any, seq.Len())
	for i := range out {
		x, err := toAny(seq.Index(i))
		if err != nil {
			return nil, err
		}
		out[i] = x
	}
	return out, nil
}
