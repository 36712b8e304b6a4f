package wit

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestJSONRoundTripsEveryValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ty := genType(t, 3)
		var e Encoder
		genValue(t, ty, &e)
		text, err := DecodeJSON(ty, e.Buf)
		if err != nil || !json.Valid(text) {
			t.Fatalf("%s: % x: %q, %v", ty, e.Buf, text, err)
		}
		back, err := EncodeJSONValue(ty, text)
		if err != nil || !bytes.Equal(back, e.Buf) {
			t.Fatalf("%s: %s: got % x, want % x (%v)", ty, text, back, e.Buf, err)
		}
	})
}

const shopWIT = `package a:shop@1.0.0;
interface shop {
	enum colour { red, green }
	flags perms { read, write, exec }
	record item { name: string, count: u8, colour: colour, price: option<f64> }
	variant shape { none, circle(f64), named(string) }
	record order { items: list<item>, note: option<option<string>> }
	resource cart;
	buy: func(order: order, perms: perms, id: u64) -> result<shape, string>;
	put: func(key: string, value: list<u8>);
	add: func(c: cart);
	pair: func(p: tuple<s8, char>, r: result<_, u32>) -> bool;
	real: func(a: f32, b: list<bool, 2>);
}`

func shopFunc(t *testing.T, name string) *FuncType {
	t.Helper()
	s, err := Parse(map[string]string{"shop.wit": shopWIT})
	if err != nil {
		t.Fatal(err)
	}
	i, _ := s.Interface("a:shop/shop")
	f := i.Func(name)
	if f == nil {
		t.Fatalf("no function %s", name)
	}
	return f
}

func TestArgumentsByPositionAndByNameAreTheSame(t *testing.T) {
	f := shopFunc(t, "buy")
	list, err := EncodeJSON(f.Params, []byte(`[{"items":[{"name":"apple","count":3,"colour":"green"}],"note":{"some":null}}, ["exec","read"], "18446744073709551615"]`))
	if err != nil {
		t.Fatal(err)
	}
	named, err := EncodeJSON(f.Params, []byte(`{"id": 18446744073709551615, "perms":["read","exec"],
		"order":{"note":{"some":null},"items":[{"colour":"green","price":null,"count":3,"name":"apple"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := "\x01\x05apple\x03\x01\x00" + "\x01\x00" + "\x05" + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	if string(list) != want || string(named) != want {
		t.Errorf("got\n% x by position,\n% x by name, want\n% x", list, named, want)
	}
}

func TestBytesAreBase64OrNumbers(t *testing.T) {
	f := shopFunc(t, "put")
	for _, value := range []string{`"aGk="`, `"aGk"`, `[104,105]`} {
		b, err := EncodeJSON(f.Params, []byte(`["k",`+value+`]`))
		if err != nil || string(b) != "\x01k\x02hi" {
			t.Errorf("%s: got %q, %v", value, b, err)
		}
	}
	if out, err := DecodeJSON(f.Params[1].Type, []byte("\x02hi")); err != nil || string(out) != `"aGk="` {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestResultsReadNaturally(t *testing.T) {
	f := shopFunc(t, "buy")
	for in, want := range map[string]string{
		"\x00\x00":        `{"ok":"none"}`,
		"\x00\x02\x02a\"": `{"ok":{"named":"a\""}}`,
		"\x01\x03\x00é":   `{"error":"\u0000é"}`,
		"\x00\x01" + "\x00\x00\x00\x00\x00\x00\xf8\x7f": `{"ok":{"circle":"NaN"}}`,
	} {
		if out, err := DecodeJSON(f.Result, []byte(in)); err != nil || string(out) != want {
			t.Errorf("%q: got %s, %v; want %s", in, out, err, want)
		}
	}
	if out, err := DecodeJSON(nil, nil); err != nil || string(out) != "null" {
		t.Errorf("no result: got %s, %v", out, err)
	}
	if _, err := DecodeJSON(nil, []byte{1}); !errors.Is(err, ErrEncoding) {
		t.Errorf("bytes where there is no result: got %v", err)
	}
}

func TestJSONErrorsNameThePlaceAndTheRemedy(t *testing.T) {
	for _, c := range []struct{ fn, in, want string }{
		{"buy", `[{"items":[{"name":"a","count":1,"colour":"red"},{"name":"b","count":300,"colour":"red"}]},[],1]`, "args[0].items[1].count: 300 does not fit in u8"},
		{"buy", `[{"items":[{"name":"a","count":-1,"colour":"red"}]},[],1]`, "args[0].items[0].count: -1 does not fit in u8"},
		{"buy", `[{"items":[{"name":"a","count":1.5,"colour":"red"}]},[],1]`, "args[0].items[0].count: want a whole number for u8, not 1.5"},
		{"buy", `[{"items":[{"name":"a","count":1,"colour":"gren"}]},[],1]`, `args[0].items[0].colour: colour has no label "gren"; did you mean "green"?`},
		{"buy", `[{"items":[{"nmae":"a"}]},[],1]`, `args[0].items[0]: there is no "nmae" here; did you mean "name"?`},
		{"buy", `[{"items":[{"name":"a","name":"b"}]},[],1]`, `args[0].items[0]: "name" occurs twice`},
		{"buy", `[{"items":[{"name":"a","count":1}]},[],1]`, `args[0].items[0]: "colour" is missing; it is a colour`},
		{"buy", `[{"items":[]},["reed"],1]`, `args[1]: perms has no label "reed"; did you mean "read"?`},
		{"buy", `[{"items":[],"note":"x"},[],1]`, `args[0].note: want null or {"some": …} for option<option<string>>, not "x"`},
		{"buy", `[{"items":[]},[],18446744073709551616]`, "args[2]: 18446744073709551616 does not fit in u64"},
		{"buy", `[{"items":[]},[]]`, "args: has 2 elements; want 3 (missing: id)"},
		{"buy", `[{"items":[]},[],1,2]`, "args: has more than 3 elements"},
		{"buy", `{"order":{"items":[]},"prems":[]}`, `args: there is no "prems" here; did you mean "perms"?`},
		{"buy", `{"order":{"items":[]},"perms":[]}`, `args: "id" is missing; it is a u64`},
		{"buy", `"x"`, `args: want an array of arguments, or an object by parameter name, not "x"`},
		{"buy", `[{"items":[]},[],1] 2`, "args: there is something after the end of the JSON text"},
		{"buy", `[{"items":[`, "args[0].items: no valid JSON at byte 11: unexpected EOF"},
		{"put", `["k","%%%"]`, `args[1]: "%%%" is no base64; want base64 or an array of numbers for list<u8>`},
		{"put", `["k",[256]]`, "args[1][0]: 256 does not fit in u8"},
		{"put", `[1,""]`, "args[0]: want a string for string, not 1"},
		{"add", `[1]`, "args[0]: own<cart>: a resource handle has no JSON form; only another actor on the same host can pass one"},
		{"pair", `[[1,"ab"],{"ok":null}]`, `args[0][1]: want a string of one character for char, not "ab"`},
		{"pair", `[[1,"a"],{"ok":1}]`, `args[1].ok: there is no value here: want null, not 1`},
		{"pair", `[[1,"a"],{"okay":1}]`, `args[1]: want {"ok": …} or {"error": …} for result<_, u32>, not "okay"`},
		{"pair", `[[1,"a"],{"ok":null,"error":1}]`, `args[1]: want an object with one key for result<_, u32>; there is another after "ok"`},
		{"pair", `[[1,"a"],{}]`, `args[1]: want {"ok": …} or {"error": …} for result<_, u32>, not an object`},
		{"real", `[1e40,[true,false]]`, "args[0]: 1e40 does not fit in f32"},
		{"real", `["nan",[true,false]]`, `args[0]: want a number, "NaN", "Infinity" or "-Infinity", not "nan"`},
		{"real", `[1,[true]]`, "args[1]: want 2 elements for list<bool, 2>, not 1"},
		{"real", `[1,[true,null]]`, "args[1][1]: want true or false for bool, not null"},
	} {
		_, err := EncodeJSON(shopFunc(t, c.fn).Params, []byte(c.in))
		var je *JSONError
		if !errors.As(err, &je) || err.Error() != c.want {
			t.Errorf("%s %s:\n got %v\nwant %s", c.fn, c.in, err, c.want)
		}
	}
	if _, err := EncodeJSON(shopFunc(t, "add").Params, []byte(`[1]`)); !errors.Is(err, ErrHandle) {
		t.Errorf("a handle gives %v", err)
	}
}

func TestVariantErrorsSayHowToWriteTheCase(t *testing.T) {
	shape := shopFunc(t, "buy").Result.OK
	for in, want := range map[string]string{
		`"circle"`:         `value: case "circle" has a payload: want {"circle": …} with a f64`,
		`{"none":null}`:    `value: case "none" has no payload: want "none"`,
		`"square"`:         `value: shape has no case "square"`,
		`{"cirlce":1}`:     `value: shape has no case "cirlce"; did you mean "circle"?`,
		`{"circle":"one"}`: `value.circle: want a number, "NaN", "Infinity" or "-Infinity", not "one"`,
	} {
		if _, err := EncodeJSONValue(shape, []byte(in)); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", in, err, want)
		}
	}
}

func TestJSONIsBounded(t *testing.T) {
	str := &Type{Kind: String}
	if _, err := EncodeJSONValue(str, bytes.Repeat([]byte(" "), MaxJSONIn+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("huge text: got %v", err)
	}
	deep := &Type{Kind: List}
	deep.Elem = deep // no resolver makes such a type, but the codec must not trust that
	if _, err := EncodeJSONValue(deep, bytes.Repeat([]byte("["), 1<<20)); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("bottomless text: got %v", err)
	}
	if _, err := DecodeJSON(deep, bytes.Repeat([]byte{1}, 1<<20)); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("bottomless value: got %v", err)
	}
	wide := &Type{Kind: List, Elem: &Type{Kind: Enum, Fields: []Field{{Name: strings.Repeat("a", 1<<16)}}}}
	var e Encoder
	e.Bytes(make([]byte, 1<<12))
	if _, err := DecodeJSON(wide, e.Buf); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a result that grows too much: got %v", err)
	}
}

func FuzzEncodeJSON(f *testing.F) {
	ty := fuzzType()
	f.Add(`[[{"num":1.5},true,-3,"NaN","aGVsbG8=",[1,2],-7]]`)
	f.Add(`[["none",true,-3,0,[1],[1,2],-7],[{"pair":[1,"2"]},true,1,1,"",[1,2],1]]`)
	f.Add(`[[{"rec":{"c":"€","n":3,"e":"x","f":["a","j"],"opt":{"some":5},"name":"a"}},true,-3,1.5,"aGVsbG8=",[1,2],-7]]`)
	f.Fuzz(func(t *testing.T, s string) {
		b, err := EncodeJSONValue(ty, []byte(s))
		if err != nil {
			return
		}
		d := Decoder{Buf: b}
		if Check(ty, &d); d.Close() != nil {
			t.Fatalf("%s gives % x: %v", s, b, d.Err())
		}
	})
}
