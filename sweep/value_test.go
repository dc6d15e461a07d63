package sweep

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPython compares with what CPython 3 prints: str() of values, repr()
// inside lists and maps.
func TestPython(t *testing.T) {
	object := func(doc string) Value {
		var v Value
		if err := v.UnmarshalJSON([]byte(doc)); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tt := range []struct {
		v    Value
		want string
	}{
		{Value{}, ""}, {NullValue(), "None"}, {BoolValue(true), "True"}, {BoolValue(false), "False"},
		{IntValue(64), "64"}, {IntValue(math.MinInt64), "-9223372036854775808"},
		{FloatValue(1), "1.0"}, {FloatValue(0.1), "0.1"}, {FloatValue(1e-5), "1e-05"}, {FloatValue(1e-4), "0.0001"},
		{FloatValue(0.00012345), "0.00012345"}, {FloatValue(1.5e-7), "1.5e-07"}, {FloatValue(1e15), "1000000000000000.0"},
		{FloatValue(1e16), "1e+16"}, {FloatValue(123456789012345680), "1.2345678901234568e+17"}, {FloatValue(1e100), "1e+100"},
		{FloatValue(5e-324), "5e-324"}, {FloatValue(math.Copysign(0, -1)), "-0.0"}, {FloatValue(0.30000000000000004), "0.30000000000000004"},
		{FloatValue(math.NaN()), "nan"}, {FloatValue(math.Inf(1)), "inf"}, {FloatValue(math.Inf(-1)), "-inf"},
		{StringValue("it's"), "it's"},
		{object(`[1, 2.0, 1e-5, "a", true, null]`), "[1, 2.0, 1e-05, 'a', True, None]"},
		{object(`{"b": [], "a": {"x": "it's"}}`), `{'a': {'x': "it's"}, 'b': []}`},
		{object(`["\"", "'\"", "\n"]`), `['"', '\'"', '\n']`},
	} {
		if got := tt.v.Python(); got != tt.want {
			t.Errorf("%#v: got %s, want %s", tt.v, got, tt.want)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1/3", "-0": "0/3", "+7": "7/3", "1.0": "1.0/4", "1e-3": "0.001/4", ".5": "0.5/4", "5.": "5.0/4", "1E3": "1000.0/4",
		"1e400": "inf/4", "-1e400": "-inf/4", "9223372036854775808": "9.223372036854776e+18/4", "007": "7/3",
	} {
		v, ok := ParseNumber(in)
		if got := v.Python() + "/" + string('0'+rune(v.Kind())); !ok || got != want {
			t.Errorf("%q: got %s, %v; want %s", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "1_000", "0x1p-2", "0x10", "nan", "inf", ".inf", "1e", "e3", ".", "-", "1 ", "1.2.3", "--1", "٣"} {
		if v, ok := ParseNumber(in); ok {
			t.Errorf("%q: got %v; want no number", in, v)
		}
	}
}

// drawValue draws a value of any kind but Absent.
func drawValue(t *rapid.T) Value {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return NullValue()
	case 1:
		return BoolValue(rapid.Bool().Draw(t, "bool"))
	case 2:
		return IntValue(rapid.Int64().Draw(t, "int"))
	case 3:
		return FloatValue(rapid.Float64().Draw(t, "float"))
	case 4:
		return StringValue(rapid.String().Draw(t, "string"))
	}
	v, err := JSONValue(map[string]any{rapid.String().Draw(t, "key"): []any{rapid.Int().Draw(t, "int"), rapid.String().Draw(t, "string")}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestValueRoundTrip: JSON gives back the same value of the same kind, and the
// key is the same, before and after.
func TestValueRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t)
		doc, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var w Value
		if err := json.Unmarshal(doc, &w); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if w != v || w.Kind() != v.Kind() || !w.Equal(v) || string(w.AppendKey(nil)) != string(v.AppendKey(nil)) {
			t.Fatalf("%#v became %s and then %#v", v, doc, w)
		}
		if key := v.AppendKey(nil); !json.Valid(key) {
			t.Fatalf("%#v: key %s is not JSON", v, key)
		}
	})
}

// TestNumbersRoundTripThroughPython: what goes onto a command line reads back.
func TestNumbersRoundTripThroughPython(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := FloatValue(rapid.Float64().Draw(t, "float"))
		if w, ok := ParseNumber(v.Python()); !ok || w != v {
			t.Fatalf("%#v printed %s, read %#v", v, v, w)
		}
		v = IntValue(rapid.Int64().Draw(t, "int"))
		if w, ok := ParseNumber(v.Python()); !ok || w != v {
			t.Fatalf("%#v printed %s, read %#v", v, v, w)
		}
	})
}

func TestKeys(t *testing.T) {
	for _, tt := range []struct {
		v, w Value
		same bool
	}{
		{IntValue(1), FloatValue(1), true}, {IntValue(0), FloatValue(math.Copysign(0, -1)), true},
		{IntValue(1), StringValue("1"), false}, {IntValue(1), BoolValue(true), false},
		{NullValue(), StringValue("null"), false}, {FloatValue(0.5), StringValue("0.5"), false},
		{FloatValue(math.NaN()), FloatValue(math.NaN()), true}, {FloatValue(1e300), FloatValue(1e300), true},
	} {
		if got := tt.v.Equal(tt.w); got != tt.same {
			t.Errorf("%#v equal to %#v: got %v", tt.v, tt.w, got)
		}
	}
}

func TestFloatsThatJSONCannotHold(t *testing.T) {
	doc, err := json.Marshal([]Value{FloatValue(math.NaN()), FloatValue(math.Inf(1)), FloatValue(math.Inf(-1)), {}})
	if want := `["NaN","Infinity","-Infinity",null]`; err != nil || string(doc) != want {
		t.Errorf("got %s, %v; want %s", doc, err, want)
	}
}

func TestUnmarshalErrors(t *testing.T) {
	for _, in := range []string{"", "tru", `"a`, "[1", "1_0", "NaN", "{1:2}"} {
		var v Value
		if err := v.UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("%q: got %#v; want an error", in, v)
		}
	}
}

func TestAccessors(t *testing.T) {
	if f, ok := IntValue(3).Number(); f != 3 || !ok {
		t.Error("Number of 3")
	}
	if _, ok := StringValue("3").Number(); ok {
		t.Error("Number of a text")
	}
	if i, ok := IntValue(math.MaxInt64).Int64(); i != math.MaxInt64 || !ok {
		t.Error("Int64 of the largest")
	}
	if _, ok := FloatValue(3).Int64(); ok {
		t.Error("Int64 of a float")
	}
	if IntValue(3).Text() != "" || StringValue("x").Text() != "x" {
		t.Error("Text")
	}
	var zero Value
	if !zero.IsAbsent() || zero.Any() != nil || NullValue().IsAbsent() {
		t.Error("the zero value is not Absent")
	}
	if got := StringValue(strings.Repeat("é<", 2)).String(); got != "é<é<" {
		t.Errorf("String: got %q", got)
	}
}

// TestRandIsTheSameForever pins the streams: another order would change every
// sweep that is not finished.
func TestRandIsTheSameForever(t *testing.T) {
	q := Query{Seed: 7, First: 3, N: 2}
	a, b := q.Rand(5).Uint64(), Query{Seed: 7}.Rand(5).Uint64()
	if a != b {
		t.Errorf("the stream depends on more than seed and index: %d and %d", a, b)
	}
	if a == q.Rand(6).Uint64() || a == (Query{Seed: 8}).Rand(5).Uint64() {
		t.Error("streams of other proposals or seeds coincide")
	}
}
