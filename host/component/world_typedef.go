package component

import "github.com/wattle-io/wattle/wit"

// The type definitions of the component binary format (Binary.md, "Type Definitions"), as they stand: nothing is looked up yet.

type (
	// valRef is a value type: a kind without parts, or the index of a definition.
	valRef struct {
		set   bool // false: absent
		prim  wit.Kind
		index uint32
		ref   bool
	}
	valDef struct {
		kind   wit.Kind
		labels []string
		parts  []valRef // fields, payloads, elements, ok and error
		len    uint32
		index  uint32 // of the resource type of a handle
	}
	funcDef struct {
		names  []string
		params []valRef
		result valRef
		async  bool
	}
	// scopeDef is an instance type or, with component set, a component type. Both open an index space.
	scopeDef struct {
		component bool
		decls     []decl
	}
	// decl is a declaration in a scope. Its use of the fields depends on the kind.
	decl struct {
		kind declKind
		def  any    // typeDecl: *valDef, *funcDef, *scopeDef or *resourceDef; coreTypeDecl: *coreFuncDef or *moduleTypeDef
		sort byte   // aliases: what is picked
		name string // of imports, exports and what an alias picks
		attr nameAttributes
		desc externDesc
		a, b uint32 // aliasExport: instance; aliasOuter: count and index
	}
	// externDesc is the type of an import or export.
	externDesc struct {
		sort  byte   // one of the sort… constants
		index uint32 // of a type
		sub   bool   // sortType: a new resource instead of an equal type
	}
	declKind uint8
)

const (
	typeDecl declKind = iota
	aliasExport
	aliasOuter
	importDecl
	exportDecl
	coreTypeDecl
)

// Sorts of definitions (Binary.md, "sort"). A core sort has its code and coreSort.
const (
	sortFunc      = 0x01
	sortValue     = 0x02
	sortType      = 0x03
	sortComponent = 0x04
	sortInstance  = 0x05

	coreSort         = 0x80
	sortCoreFunc     = coreSort
	sortCoreTable    = coreSort | 0x01
	sortCoreMemory   = coreSort | 0x02
	sortCoreGlobal   = coreSort | 0x03
	sortCoreTag      = coreSort | 0x04
	sortCoreType     = coreSort | 0x10
	sortCoreModule   = coreSort | 0x11
	sortCoreInstance = coreSort | 0x12
)

// maxScopes bounds how deep scopes nest: an encoded world has three.
const maxScopes = 8

// primKind gives the kind of a one-byte value type.
func primKind(b byte) (wit.Kind, bool) {
	kinds := [...]wit.Kind{wit.String, wit.Char, wit.F64, wit.F32, wit.U64, wit.S64, wit.U32, wit.S32, wit.U16, wit.S16, wit.U8, wit.S8, wit.Bool}
	switch {
	case b >= 0x73 && b <= 0x7f:
		return kinds[b-0x73], true
	case b == 0x64:
		return wit.ErrorContext, true
	}
	return 0, false
}

func (r *reader) valType() valRef {
	v := r.s33()
	if v >= 0 {
		return valRef{set: true, ref: true, index: uint32(v)}
	}
	k, ok := primKind(byte(v & 0x7f))
	if !ok || v < -64 {
		r.fail("unknown value type %d", v)
	}
	return valRef{set: true, prim: k}
}

// optional reads a value type that may be absent.
func (r *reader) optional() valRef {
	switch r.byte() {
	case 0:
		return valRef{}
	case 1:
		return r.valType()
	}
	r.fail("optional type starts with neither 0 nor 1")
	return valRef{}
}

func (r *reader) label() string {
	n := r.name()
	if r.err == nil && !wit.ValidLabel(n) {
		r.fail("%q is no label", n)
	}
	return n
}

// definition reads a type definition.
func (r *reader) definition(depth int) any {
	b := r.byte()
	if k, ok := primKind(b); ok {
		return &valDef{kind: k}
	}
	switch b {
	case 0x40, 0x43:
		return r.funcDef(b == 0x43)
	case 0x41, 0x42:
		if depth >= maxScopes {
			r.fail("types nest more than %d deep", maxScopes)
			return nil
		}
		s := &scopeDef{component: b == 0x41}
		for n := r.count(); n > 0 && r.err == nil; n-- {
			s.decls = append(s.decls, r.decl(s.component, depth+1))
		}
		return s
	}
	return r.valDef(b)
}

func (r *reader) valDef(b byte) any {
	d := &valDef{}
	switch b {
	case 0x72:
		d.kind = wit.Record
		for n := r.count(); n > 0 && r.err == nil; n-- {
			d.labels = append(d.labels, r.label())
			d.parts = append(d.parts, r.valType())
		}
	case 0x71:
		d.kind = wit.Variant
		for n := r.count(); n > 0 && r.err == nil; n-- {
			d.labels = append(d.labels, r.label())
			d.parts = append(d.parts, r.optional())
			r.expect(0, "refinement of a case")
		}
	case 0x70:
		d.kind, d.parts = wit.List, []valRef{r.valType()}
	case 0x67:
		d.kind, d.parts = wit.List, []valRef{r.valType()}
		if d.len = r.u32(); d.len == 0 {
			r.fail("list of fixed length 0")
		}
	case 0x6f:
		d.kind = wit.Tuple
		for n := r.count(); n > 0 && r.err == nil; n-- {
			d.labels = append(d.labels, "")
			d.parts = append(d.parts, r.valType())
		}
	case 0x6e, 0x6d:
		d.kind = wit.Flags
		if b == 0x6d {
			d.kind = wit.Enum
		}
		for n := r.count(); n > 0 && r.err == nil; n-- {
			d.labels = append(d.labels, r.label())
			d.parts = append(d.parts, valRef{})
		}
	case 0x6b:
		d.kind, d.parts = wit.Option, []valRef{r.valType()}
	case 0x6a:
		d.kind, d.parts = wit.Result, []valRef{r.optional(), r.optional()}
	case 0x69:
		d.kind, d.index = wit.Own, r.u32()
	case 0x68:
		d.kind, d.index = wit.Borrow, r.u32()
	case 0x66:
		d.kind, d.parts = wit.Stream, []valRef{r.optional()}
	case 0x65:
		d.kind, d.parts = wit.Future, []valRef{r.optional()}
	case 0x3f:
		if r.file == nil {
			r.fail("a world defines no resources")
			return d
		}
		return r.resourceDef()
	case 0x63:
		r.unsupported("map type", "")
		r.valType()
		r.valType()
	default:
		r.fail("unknown type definition %#02x", b)
	}
	return d
}

func (r *reader) funcDef(async bool) any {
	d := &funcDef{async: async}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		d.names = append(d.names, r.label())
		d.params = append(d.params, r.valType())
	}
	switch r.byte() {
	case 0:
		d.result = r.valType()
	case 1:
		r.expect(0, "number of named results")
	default:
		r.fail("unknown form of a function's result")
	}
	return d
}

func (r *reader) decl(component bool, depth int) decl {
	switch k := r.byte(); {
	case k == 0 && r.file != nil:
		return decl{kind: coreTypeDecl, def: r.coreType(0)}
	case k == 1:
		return decl{kind: typeDecl, def: r.definition(depth)}
	case k == 2:
		return r.alias()
	case k == 3 && component:
		return r.extern(importDecl)
	case k == 4:
		return r.extern(exportDecl)
	default:
		r.fail("declaration %#02x has no place in a world", k)
	}
	return decl{}
}

func (r *reader) extern(k declKind) decl {
	d := decl{kind: k}
	d.name, d.attr = r.externName()
	d.desc = r.externDesc()
	return d
}

func (r *reader) alias() decl {
	if r.file == nil {
		r.expect(sortType, "sort of an alias")
		return r.aliasTarget(sortType)
	}
	d := r.aliasTarget(r.sort())
	types := d.sort == sortType || d.sort == sortInstance && d.kind == aliasExport || d.sort == sortCoreType && d.kind == aliasOuter
	if r.err == nil && !types {
		r.invalid("an alias in a type may only refer to types or instances")
	}
	return d
}

// aliasTarget reads what an alias refers to, apart from exports of core instances.
func (r *reader) aliasTarget(sort byte) decl {
	switch k := r.byte(); k {
	case 0:
		return decl{kind: aliasExport, sort: sort, a: r.u32(), name: r.name()}
	case 2:
		return decl{kind: aliasOuter, sort: sort, a: r.u32(), b: r.u32()}
	default:
		r.fail("alias of kind %#02x has no place here", k)
	}
	return decl{}
}

// nameAttributes are hints beside a name (Binary.md, "nameattributes"). They do not change what is meant.
type nameAttributes struct {
	implements, versionSuffix, externalID *string
}

// externName reads the name of an import or export.
func (r *reader) externName() (name string, attr nameAttributes) {
	switch k := r.byte(); k {
	case 0, 1:
		return r.name(), attr
	case 2:
		name = r.name()
		for n := r.count(); n > 0 && r.err == nil; n-- {
			r.attribute(&attr)
		}
		return name, attr
	default:
		r.fail("name of unknown form %#02x", k)
	}
	return "", attr
}

func (r *reader) attribute(to *nameAttributes) {
	var at **string
	switch k := r.byte(); k {
	case 0:
		at = &to.implements
	case 1:
		at = &to.versionSuffix
	case 2:
		at = &to.externalID
	default:
		r.fail("unknown attribute %#02x of a name", k)
		return
	}
	s := r.name()
	if *at != nil {
		r.invalid("attribute of a name occurs twice")
	}
	*at = &s
}

func (r *reader) externDesc() externDesc {
	d := externDesc{sort: r.byte()}
	if r.file != nil && d.sort == 0 {
		r.expect(0x11, "core sort of an import or export")
		return externDesc{sort: sortCoreModule, index: r.u32()}
	}
	switch d.sort {
	case sortFunc, sortComponent, sortInstance:
		d.index = r.u32()
	case sortType:
		switch r.byte() {
		case 0:
			d.index = r.u32()
		case 1:
			d.sub = true
		default:
			r.fail("unknown bound of a type")
		}
	default:
		r.fail("import or export of sort %#02x has no place in a world", d.sort)
	}
	return d
}
