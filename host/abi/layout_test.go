package abi

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

// The expected values follow the definitions of CanonicalABI.md: "Alignment", "Element Size", "Flattening".
func TestLayoutFollowsTheSpecification(t *testing.T) {
	const i, l, f, d = "i", "l", "f", "d"
	u8, u16, u32, u64, f32, f64 := prim(wit.U8), prim(wit.U16), prim(wit.U32), prim(wit.U64), prim(wit.F32), prim(wit.F64)
	str := prim(wit.String)
	tests := []struct {
		name        string
		typ         *wit.Type
		size, align uint32
		flat        string
	}{
		{"bool", prim(wit.Bool), 1, 1, i},
		{"s16", prim(wit.S16), 2, 2, i},
		{"char", prim(wit.Char), 4, 4, i},
		{"u64", u64, 8, 8, l},
		{"f32", f32, 4, 4, f},
		{"f64", f64, 8, 8, d},
		{"string", str, 8, 4, i + i},
		{"list<u64>", listOf(u64), 8, 4, i + i},
		{"list<u16, 3>", &wit.Type{Kind: wit.List, Elem: u16, Len: 3}, 6, 2, i + i + i},
		{"tuple<u8, u64, u8>", tuple(u8, u64, u8), 24, 8, i + l + i},
		{"tuple<u8, u16, u8>", tuple(u8, u16, u8), 6, 2, i + i + i},
		{"flags 1", flagsOf(1), 1, 1, i},
		{"flags 9", flagsOf(9), 2, 2, i},
		{"flags 17", flagsOf(17), 4, 4, i},
		{"enum", variantOf(nil, nil, nil), 1, 1, i},
		{"enum 256", variantOf(make([]*wit.Type, 256)...), 1, 1, i},
		{"enum 257", variantOf(make([]*wit.Type, 257)...), 2, 2, i},
		{"option<u8>", &wit.Type{Kind: wit.Option, Elem: u8}, 2, 1, i + i},
		{"option<u64>", &wit.Type{Kind: wit.Option, Elem: u64}, 16, 8, i + l},
		{"result<string, u8>", &wit.Type{Kind: wit.Result, OK: str, Err: u8}, 12, 4, i + i + i},
		{"result", &wit.Type{Kind: wit.Result}, 1, 1, i},
		{"join i32 f32", variantOf(u32, f32), 8, 4, i + i},
		{"join i32 i64", variantOf(u32, u64), 16, 8, i + l},
		{"join f32 f64", variantOf(f32, f64), 16, 8, i + l},
		{"join f32 i64", variantOf(f32, u64), 16, 8, i + l},
		{"join f64 f64", variantOf(f64, f64), 16, 8, i + d},
		{"join tuples", variantOf(tuple(f32, f64), tuple(u32), str), 24, 8, i + i + l},
		{"own", &wit.Type{Kind: wit.Own, Resource: &wit.Resource{}}, 4, 4, i},
		{"borrow", &wit.Type{Kind: wit.Borrow, Resource: &wit.Resource{}}, 4, 4, i},
	}
	codes := strings.NewReplacer(i, "\x7f", l, "\x7e", f, "\x7d", d, "\x7c")
	for _, tt := range tests {
		got := compile(t, returns(tt.typ)).Result
		if got.Size != tt.size || got.Align != tt.align || string(got.Flat) != codes.Replace(tt.flat) {
			t.Errorf("%s: size %d, align %d, flat % x; want %d, %d, % x", tt.name, got.Size, got.Align, got.Flat, tt.size, tt.align, codes.Replace(tt.flat))
		}
	}
}

func TestMoreThan16FlatParametersGoToMemory(t *testing.T) {
	many := func(n int) *Func {
		ft := returns(prim(wit.String))
		for range n {
			ft.Params = append(ft.Params, wit.Field{Name: "p", Type: prim(wit.U64)})
		}
		return compile(t, ft)
	}
	params, results := many(16).Lifted()
	if !bytes.Equal(params, bytes.Repeat([]byte{I64}, 16)) || !bytes.Equal(results, []byte{I32}) {
		t.Errorf("lifted 16: % x -> % x", params, results)
	}
	params, results = many(16).Lowered()
	if !bytes.Equal(params, append(bytes.Repeat([]byte{I64}, 16), I32)) || len(results) != 0 {
		t.Errorf("lowered 16: % x -> % x", params, results)
	}
	f := many(17)
	params, results = f.Lowered()
	if !f.ParamsInMemory || !bytes.Equal(params, []byte{I32, I32}) || len(results) != 0 {
		t.Errorf("lowered 17: % x -> % x", params, results)
	}
}

func TestTypesThatCannotBePassedAreRefused(t *testing.T) {
	deep := prim(wit.U8)
	for range maxTypeDepth + 1 {
		deep = listOf(deep)
	}
	wide := prim(wit.U64)
	for range 30 {
		wide = tuple(wide, wide)
	}
	for name, typ := range map[string]*wit.Type{
		"stream":         prim(wit.Stream),
		"empty record":   tuple(),
		"empty variant":  variantOf(),
		"no flags":       flagsOf(0),
		"33 flags":       flagsOf(33),
		"deep":           deep,
		"wide":           wide,
		"long array":     {Kind: wit.List, Elem: prim(wit.U64), Len: 1 << 31},
		"no resource":    prim(wit.Own),
		"list of nil":    listOf(nil),
		"unknown kind":   prim(200),
		"field of nil":   tuple(nil),
		"deep, as field": tuple(prim(wit.U8), deep),
	} {
		if _, err := (&Compiler{}).Func(returns(typ)); !errors.Is(err, ErrType) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := (&Compiler{}).Func(&wit.FuncType{Async: true}); !errors.Is(err, ErrType) {
		t.Errorf("async: got %v", err)
	}
}
