// Package wit has the types, values and contracts of the WebAssembly Interface Types.
//
// It holds the resolved type tree (Type, FuncType, Interface, World), the codec of values (the component model's value
// encoding, Encoder and Decoder), their JSON form, a parser for .wit text, the contracts that Wattle offers (Contracts), and the
// shape of a Go function that implements an imported function (HostFunc).
//
// It knows nothing of WebAssembly binaries (see host/component) nor of linear memory (see host/abi), and imports only the
// standard library.
package wit

import (
	"strconv"
	"strings"
)

// Kind is the constructor of a Type.
type Kind uint8

// The kinds of types. Stream, Future and ErrorContext are reserved for WASI 0.3: they parse, but no value of them can be passed.
const (
	Bool Kind = iota
	S8
	U8
	S16
	U16
	S32
	U32
	S64
	U64
	F32
	F64
	Char
	String
	List    // Elem; Len > 0 for a list of fixed length
	Record  // Fields
	Tuple   // Fields without names
	Variant // Fields are the cases; a case without payload has a nil Type
	Enum    // Fields are the cases, all without payload
	Option  // Elem
	Result  // OK and Err, either may be nil
	Flags   // Fields are the labels, without types; 1 to 32 of them
	Own     // Resource
	Borrow  // Resource
	Stream
	Future
	ErrorContext
)

// Type is a resolved value type. Types are immutable once built and may be shared.
type Type struct {
	Kind     Kind
	Name     string  // declared name, "" for an anonymous type
	Owner    string  // name of the interface that declares it; "" for an anonymous type and for one that a world declares
	Fields   []Field // record fields, tuple elements, variant and enum cases, flags labels
	Elem     *Type   // list element, option payload, stream and future element
	OK, Err  *Type   // result payloads
	Len      uint32  // fixed-length list: number of elements; 0 = dynamic length
	Resource *Resource
}

// Field is a named type: a record field, a case, a label, a parameter.
type Field struct {
	Name string
	Type *Type // nil for a case without payload and for a label
}

// Resource is a resource type. It is nominal: two are the same only if the pointers are.
type Resource struct {
	Interface string // name of the interface that declares it, e.g. "wasi:io/streams@0.2.0"
	Name      string // e.g. "input-stream"
}

// FuncType is the type of a function.
type FuncType struct {
	Params []Field
	Result *Type // nil for none
	Async  bool  // reserved for WASI 0.3
}

// Func is a function of an interface or world. Name is the canonical one: "get", "[method]bucket.get",
// "[static]cas.new", "[constructor]fields".
type Func struct {
	Name string
	Type *FuncType
}

// Interface is a resolved WIT interface.
type Interface struct {
	Name      string      // "ns:pkg/iface@1.2.3", or a plain name for an interface written inside a world
	Types     []*Type     // declared here, in order; types that it takes from other interfaces are not repeated
	Resources []*Resource // declared here
	Funcs     []Func
}

// Func returns the function of that canonical name, or nil.
func (i *Interface) Func(name string) *FuncType {
	for _, f := range i.Funcs {
		if f.Name == name {
			return f.Type
		}
	}
	return nil
}

// Resource returns the resource of that name, or nil.
func (i *Interface) Resource(name string) *Resource {
	for _, r := range i.Resources {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// World is what a module imports and exports: interfaces, and functions that stand outside any interface.
type World struct {
	Name             string
	Imports, Exports []*Interface
	// Functions at the world's own level.
	ImportFuncs, ExportFuncs []Func
	// Types and resources that the world itself declares; the resources are imported ones.
	Types     []*Type
	Resources []*Resource
}

// Cases gives the variant view of a variant, enum, option or result: cases in discriminant order.
// It is nil for other kinds.
func (t *Type) Cases() []Field {
	switch t.Kind {
	case Variant, Enum:
		return t.Fields
	case Option:
		return []Field{{Name: "none"}, {Name: "some", Type: t.Elem}}
	case Result:
		return []Field{{Name: "ok", Type: t.OK}, {Name: "error", Type: t.Err}}
	}
	return nil
}

var kindNames = [...]string{"bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string", "list",
	"record", "tuple", "variant", "enum", "option", "result", "flags", "own", "borrow", "stream", "future", "error-context"}

// String gives the WIT keyword of the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// String gives the type as WIT text: the name of a declared type, else its expression.
func (t *Type) String() string {
	if t == nil {
		return "_"
	}
	if t.Name != "" {
		return t.Name
	}
	switch t.Kind {
	case List, Option, Stream, Future:
		if t.Elem == nil {
			return t.Kind.String()
		}
		if t.Len > 0 {
			return "list<" + t.Elem.String() + ", " + strconv.FormatUint(uint64(t.Len), 10) + ">"
		}
		return t.Kind.String() + "<" + t.Elem.String() + ">"
	case Tuple:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = f.Type.String()
		}
		return "tuple<" + strings.Join(parts, ", ") + ">"
	case Result:
		switch {
		case t.OK == nil && t.Err == nil:
			return "result"
		case t.Err == nil:
			return "result<" + t.OK.String() + ">"
		}
		return "result<" + t.OK.String() + ", " + t.Err.String() + ">"
	case Own, Borrow:
		return t.Kind.String() + "<" + t.Resource.Name + ">"
	}
	return t.Kind.String()
}

// String gives the type as WIT text: "func(key: string) -> option<string>".
func (f *FuncType) String() string {
	var b strings.Builder
	b.WriteString("func(")
	for i, p := range f.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name + ": " + p.Type.String())
	}
	b.WriteString(")")
	if f.Result != nil {
		b.WriteString(" -> " + f.Result.String())
	}
	return b.String()
}

// HasHandles reports whether a value of the type can hold a resource handle. Such values stay on their host: they
// cannot cross the lattice.
func (t *Type) HasHandles() bool {
	if t == nil {
		return false
	}
	switch t.Kind {
	case Own, Borrow, Stream, Future, ErrorContext:
		return true
	}
	if t.Elem.HasHandles() || t.OK.HasHandles() || t.Err.HasHandles() {
		return true
	}
	for _, f := range t.Fields {
		if f.Type.HasHandles() {
			return true
		}
	}
	return false
}
