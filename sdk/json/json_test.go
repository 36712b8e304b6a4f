package json_test

import (
	stdjson "encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/sdk/json"
)

func TestObjectIsReadByEncodingJSON(t *testing.T) {
	var inner, o json.Object
	inner.Int("n", math.MinInt64)
	o.String("s", "a\"b\\c\n\x01\x7f é 😀")
	o.Int("i", 42)
	o.Float("f", 1.5e300)
	o.Float("nan", math.NaN())
	o.Float("inf", math.Inf(-1))
	o.Bool("b", true)
	o.Null("z")
	o.Strings("l", []string{"x", "", `"`})
	o.Strings("e", nil)
	o.Raw("o", inner.Bytes())
	var got map[string]any
	d := stdjson.NewDecoder(strings.NewReader(string(o.Bytes())))
	d.UseNumber()
	if err := d.Decode(&got); err != nil {
		t.Fatalf("%v in %s", err, o.Bytes())
	}
	want := map[string]any{
		"s": "a\"b\\c\n\x01\x7f é 😀", "i": stdjson.Number("42"), "f": stdjson.Number("1.5e+300"), "nan": nil, "inf": nil,
		"b": true, "z": nil, "l": []any{"x", "", `"`}, "e": []any{}, "o": map[string]any{"n": stdjson.Number("-9223372036854775808")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestObjectKeepsTheOrderAndMayGrowAfterBytes(t *testing.T) {
	var o json.Object
	if s := string(o.Bytes()); s != "{}" {
		t.Errorf("empty object is %s", s)
	}
	o.String("name", "apples")
	o.Bytes()
	o.Int("count", 1)
	if s := string(o.Bytes()); s != `{"name":"apples","count":1}` {
		t.Errorf("got %s", s)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\n\r\t\x00\x1f\x7f", "\xff\xfe", "é\u2028😀", `\u0041`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		text := json.AppendString(nil, s)
		if err := stdjson.Unmarshal(text, &got); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); got != want && got != string([]rune(s)) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
