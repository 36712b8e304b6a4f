package component

import (
	"encoding/binary"
	"strings"

	"github.com/wattle-io/wattle/wit"
)

// EncodeWorld encodes a world as the payload of a "component-type…" custom section, in the form that wit-component
// writes and reads (see DecodeWorld). A world that a wit.Set resolved is complete: its imports come in an order in which each stands
// behind those that it takes types from, and this form needs that.
func EncodeWorld(w *wit.World) []byte {
	inner := newWorldEncoder()
	inner.world(w)
	pkg := newScopeEncoder(nil)
	pkg.define(inner.scope(0x41))
	pkg.declare(append(append([]byte{exportByte}, externName(w.Name)...), sortComponent, 0))

	out := append([]byte(magic), section(0, append(name(encodingSection), 4, 0))...)
	out = append(out, section(7, append([]byte{1}, pkg.scope(0x41)...))...)
	export := append(append([]byte{1}, externName(plainName(w.Name))...), sortType, 0, 0)
	return append(out, section(11, export)...)
}

// The first bytes of declarations.
const (
	typeByte   = 1
	aliasByte  = 2
	importByte = 3
	exportByte = 4
)

func uleb(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func name(s string) []byte { return append(uleb(nil, uint64(len(s))), s...) }

func externName(s string) []byte { return append([]byte{0}, name(s)...) }

func section(id byte, payload []byte) []byte {
	return append(uleb([]byte{id}, uint64(len(payload))), payload...)
}

// plainName is the name of a world without its package and version.
func plainName(full string) string {
	base, _, _ := strings.Cut(full, "@")
	return base[strings.LastIndexByte(base, '/')+1:]
}

// scopeEncoder writes the declarations of a component or instance type and keeps track of its space of types.
type scopeEncoder struct {
	world  *worldEncoder // nil outside of a world
	owner  string        // interface whose types are declared here, "" in a world
	extern byte          // importByte or exportByte: how a type gets its name here
	body   []byte
	count  uint64
	ntypes uint32
	types  map[*wit.Type]uint32 // named types
	res    map[*wit.Resource]uint32
	anon   map[string]uint32 // types without name and function types, by their encoding
}

func newScopeEncoder(w *worldEncoder) *scopeEncoder {
	return &scopeEncoder{world: w, extern: exportByte, types: map[*wit.Type]uint32{}, res: map[*wit.Resource]uint32{}, anon: map[string]uint32{}}
}

// worldEncoder is the scope of a world.
type worldEncoder struct {
	*scopeEncoder
	insts   uint64
	sources map[any]source // where named types and resources come from
	aliases map[any]uint32 // those that are in the world's space of types already
}

// source is an export of an instance.
type source struct {
	inst uint64
	name string
}

func newWorldEncoder() *worldEncoder {
	w := &worldEncoder{sources: map[any]source{}, aliases: map[any]uint32{}}
	w.scopeEncoder = newScopeEncoder(w)
	w.extern = importByte
	return w
}

// scope gives the finished type; form is 0x41 for a component type and 0x42 for an instance type.
func (s *scopeEncoder) scope(form byte) []byte {
	return append(uleb([]byte{form}, s.count), s.body...)
}

func (s *scopeEncoder) declare(b []byte) {
	s.body = append(s.body, b...)
	s.count++
}

// space makes room for one more type and gives its index.
func (s *scopeEncoder) space() uint32 {
	s.ntypes++
	return s.ntypes - 1
}

// define declares a type definition and gives its index.
func (s *scopeEncoder) define(def []byte) uint32 {
	s.declare(append([]byte{typeByte}, def...))
	return s.space()
}

// shared is define for types without name: equal ones are declared once.
func (s *scopeEncoder) shared(def []byte) uint32 {
	i, ok := s.anon[string(def)]
	if !ok {
		i = s.define(def)
		s.anon[string(def)] = i
	}
	return i
}

// item declares an import or export and describes it.
func (s *scopeEncoder) item(kind byte, label string, desc []byte) {
	s.declare(append(append([]byte{kind}, externName(label)...), desc...))
}

// equal gives the type of that index a name; the name has an index of its own.
func (s *scopeEncoder) equal(label string, index uint32) uint32 {
	s.item(s.extern, label, uleb([]byte{sortType, 0}, uint64(index)))
	return s.space()
}

func (w *worldEncoder) world(x *wit.World) {
	for _, i := range x.Imports {
		w.instance(importByte, i)
	}
	for _, u := range x.Uses() {
		if u.Resource != nil {
			w.res[u.Resource] = w.equal(u.As, w.alias(u.Resource))
		} else {
			w.types[u.Type] = w.equal(u.As, w.alias(u.Type))
		}
	}
	w.declarations(x.Types, x.Resources)
	w.functions(importByte, x.ImportFuncs)
	for _, i := range x.Exports {
		w.instance(exportByte, i)
	}
	w.functions(exportByte, x.ExportFuncs)
}

// instance imports or exports an interface.
func (w *worldEncoder) instance(kind byte, i *wit.Interface) {
	s := newScopeEncoder(w)
	s.owner = i.Name
	for _, u := range i.Uses() {
		if u.Resource != nil {
			s.res[u.Resource] = s.equal(u.As, s.outer(w.alias(u.Resource)))
		} else {
			s.types[u.Type] = s.equal(u.As, s.outer(w.alias(u.Type)))
		}
	}
	s.declarations(i.Types, i.Resources)
	s.functions(exportByte, i.Funcs)
	w.item(kind, i.Name, uleb([]byte{sortInstance}, uint64(w.define(s.scope(0x42)))))
	for _, t := range i.Types {
		w.sources[t] = source{w.insts, t.Name}
		delete(w.aliases, t)
	}
	for _, r := range i.Resources {
		w.sources[r] = source{w.insts, r.Name}
		delete(w.aliases, r)
	}
	w.insts++
}

// alias brings a type or resource of an imported or exported interface into the world's space of types.
func (w *worldEncoder) alias(x any) uint32 {
	i, ok := w.aliases[x]
	if !ok {
		src := w.sources[x]
		b := uleb([]byte{aliasByte, sortType, 0}, src.inst)
		w.declare(append(b, name(src.name)...))
		i = w.space()
		w.aliases[x] = i
	}
	return i
}

// outer brings a type of the world into the scope of an instance type.
func (s *scopeEncoder) outer(index uint32) uint32 {
	s.declare(uleb([]byte{aliasByte, sortType, 2, 1}, uint64(index)))
	return s.space()
}

func (s *scopeEncoder) declarations(types []*wit.Type, resources []*wit.Resource) {
	for _, r := range resources {
		s.item(s.extern, r.Name, []byte{sortType, 1})
		s.res[r] = s.space()
	}
	for _, t := range types {
		s.named(t)
	}
}

// named declares a named type, after those that it refers to.
func (s *scopeEncoder) named(t *wit.Type) uint32 {
	if i, ok := s.types[t]; ok {
		return i
	}
	i, ok := uint32(0), false
	if t.Kind == wit.Own {
		i, ok = s.res[t.Resource] // another name for a resource
	}
	if !ok {
		i = s.define(s.definition(t))
	}
	s.types[t] = s.equal(t.Name, i)
	return s.types[t]
}

func (s *scopeEncoder) functions(kind byte, fs []wit.Func) {
	for _, f := range fs {
		s.item(kind, f.Name, uleb([]byte{sortFunc}, uint64(s.shared(s.function(f.Type)))))
	}
}

func (s *scopeEncoder) function(f *wit.FuncType) []byte {
	b := []byte{0x40}
	if f.Async {
		b[0] = 0x43
	}
	b = uleb(b, uint64(len(f.Params)))
	for _, p := range f.Params {
		b = append(append(b, name(p.Name)...), s.value(p.Type)...)
	}
	if f.Result == nil {
		return append(b, 1, 0)
	}
	return append(append(b, 0), s.value(f.Result)...)
}

// primByte is the code of a kind without parts.
func primByte(k wit.Kind) (byte, bool) {
	for b := byte(0x64); b <= 0x7f; b++ {
		if p, ok := primKind(b); ok && p == k {
			return b, true
		}
	}
	return 0, false
}

// value gives a value type: a code, or the index of a definition. A named handle stands for the handle: its name is that of
// the resource.
func (s *scopeEncoder) value(t *wit.Type) []byte {
	if b, ok := primByte(t.Kind); ok && t.Name == "" {
		return []byte{b}
	}
	var i uint32
	_, known := s.types[t]
	switch {
	case t.Name != "" && t.Kind != wit.Own && (known || t.Owner == s.owner):
		i = s.named(t)
	default:
		i = s.shared(s.definition(t))
	}
	var e wit.Encoder
	e.Int(int64(i))
	return e.Buf
}

func (s *scopeEncoder) optional(t *wit.Type) []byte {
	if t == nil {
		return []byte{0}
	}
	return append([]byte{1}, s.value(t)...)
}

// definition gives a type definition without its name.
func (s *scopeEncoder) definition(t *wit.Type) []byte {
	if b, ok := primByte(t.Kind); ok {
		return []byte{b}
	}
	switch t.Kind {
	case wit.List:
		if t.Len > 0 {
			return uleb(append([]byte{0x67}, s.value(t.Elem)...), uint64(t.Len))
		}
		return append([]byte{0x70}, s.value(t.Elem)...)
	case wit.Option:
		return append([]byte{0x6b}, s.value(t.Elem)...)
	case wit.Result:
		return append(append([]byte{0x6a}, s.optional(t.OK)...), s.optional(t.Err)...)
	case wit.Own:
		return uleb([]byte{0x69}, uint64(s.res[t.Resource]))
	case wit.Borrow:
		return uleb([]byte{0x68}, uint64(s.res[t.Resource]))
	case wit.Stream:
		return append([]byte{0x66}, s.optional(t.Elem)...)
	case wit.Future:
		return append([]byte{0x65}, s.optional(t.Elem)...)
	}
	return s.members(t)
}

// members gives the definition of a type with fields, cases or labels.
func (s *scopeEncoder) members(t *wit.Type) []byte {
	b := []byte{map[wit.Kind]byte{wit.Record: 0x72, wit.Variant: 0x71, wit.Tuple: 0x6f, wit.Flags: 0x6e, wit.Enum: 0x6d}[t.Kind]}
	b = uleb(b, uint64(len(t.Fields)))
	for _, f := range t.Fields {
		if t.Kind != wit.Tuple {
			b = append(b, name(f.Name)...)
		}
		switch t.Kind {
		case wit.Record, wit.Tuple:
			b = append(b, s.value(f.Type)...)
		case wit.Variant:
			b = append(append(b, s.optional(f.Type)...), 0)
		}
	}
	return b
}
