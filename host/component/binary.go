package component

import (
	"bytes"
	"fmt"

	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// Bounds of a component file.
const (
	maxFile     = 128 << 20 // bytes
	maxElements = 1 << 20   // definitions, fields, names, … in it
	maxNested   = 32        // components inside components
	maxModules  = 1000      // core modules
)

// The definitions of a component (Binary.md), as they stand: indexes are not looked up yet.

type (
	// componentDef is a component: its definitions in their order.
	componentDef struct{ defs []definition }
	// definition is one definition. Its kind is the type of v: moduleDef, *coreInstanceDef, *coreFuncDef, *moduleTypeDef,
	// *componentDef, *instanceDef, *aliasDef, *valDef, *funcDef, *scopeDef, *resourceDef, *canonDef, *importDef or *exportDef.
	definition struct {
		at int // offset in the file, for messages
		v  any
	}
	moduleDef       struct{ index int } // in fileLimits.modules
	coreInstanceDef struct {
		instantiate bool
		module      uint32
		args        []coreArg
		exports     []inlineExport
	}
	coreArg struct {
		name     string
		instance uint32
	}
	inlineExport struct {
		name string
		attr nameAttributes
		ref  sortIndex
	}
	sortIndex struct {
		sort  byte
		index uint32
	}
	instanceDef struct {
		instantiate bool
		component   uint32
		args        []inlineExport
		exports     []inlineExport
	}
	aliasDef struct {
		decl
		core bool // of an export of a core instance
	}
	resourceDef struct {
		hasDtor bool
		dtor    uint32
	}
	canonDef struct {
		op    byte
		index uint32 // of the core function that is lifted, of the function that is lowered
		typ   uint32 // function type of a lift, resource type
		opts  canonOptions
	}
	canonOptions struct {
		encoding                                byte
		memory, realloc, postReturn             uint32
		hasMemory, hasRealloc, hasPost, encoded bool
	}
	importDef struct{ decl }
	exportDef struct {
		name string
		attr nameAttributes
		ref  sortIndex
		desc *externDesc // ascribed type
	}
)

// decodeComponent reads a file. The error is a *DecodeError or, for a core module, a *PlanError.
func decodeComponent(wasm []byte) (*componentDef, *fileLimits, error) {
	file := &fileLimits{elements: maxElements}
	r := &reader{b: wasm, file: file}
	if len(wasm) > maxFile {
		r.fail("component of %d bytes; at most %d", len(wasm), maxFile)
	}
	c := r.component(0)
	if r.err != nil {
		return nil, nil, r.err
	}
	return c, file, nil
}

// invalid is fail for what breaks a rule beyond the format.
func (r *reader) invalid(format string, a ...any) {
	if r.err == nil {
		r.fail("%s", fmt.Sprintf(format, a...))
		r.err.(*DecodeError).invalid = true
	}
}

// unsupported notes something valid that this host does not run. Reading goes on: what follows may be malformed.
func (r *reader) unsupported(what, why string) {
	if r.file == nil {
		r.fail("%s has no place in a world", what)
	} else if r.file.async == nil {
		r.file.async = &PlanError{Kind: ErrUnsupported, Name: what, Msg: why}
	}
}

func (r *reader) component(depth int) *componentDef {
	if depth > maxNested {
		r.fail("components nest more than %d deep", maxNested)
		return nil
	}
	if head := r.take(8); !bytes.Equal(head, []byte(magic)) {
		r.fail("not a component (want version 0d, layer 1)")
	}
	c := &componentDef{}
	for !r.done() && r.err == nil {
		r.section(c, depth)
	}
	return c
}

func (r *reader) section(c *componentDef, depth int) {
	id := r.byte()
	s := r.sub()
	switch id {
	case 0:
		s.name()
		s.off = len(s.b)
	case 1:
		s.add(c, s.module)
	case 4:
		s.add(c, func() any { return s.component(depth + 1) })
	case 9:
		r.unsupported("start section", "only components without values run")
		s.off = len(s.b)
	case 12:
		r.unsupported("value section", "only components without values run")
		s.off = len(s.b)
	default:
		f := s.vectorOf(id)
		if f == nil {
			r.fail("unknown section %d", id)
			return
		}
		for n := s.count(); n > 0 && s.err == nil; n-- {
			s.add(c, f)
		}
	}
	r.close(s)
}

func (r *reader) add(c *componentDef, f func() any) {
	at := r.base + r.off
	c.defs = append(c.defs, definition{at, f()})
}

// vectorOf gives the reader of the elements of a section, nil if there is no such section.
func (r *reader) vectorOf(id byte) func() any {
	switch id {
	case 2:
		return r.coreInstance
	case 3:
		return func() any { return r.coreType(0) }
	case 5:
		return r.instance
	case 6:
		return r.componentAlias
	case 7:
		return func() any { return r.definition(0) }
	case 8:
		return r.canon
	case 10:
		return func() any { return &importDef{r.extern(importDecl)} }
	case 11:
		return r.export
	}
	return nil
}

// module reads a core module, to the end of its section.
func (r *reader) module() any {
	at, wasm := r.base+r.off, r.take(uint32(len(r.b)-r.off))
	if len(r.file.modules) >= maxModules {
		r.fail("more than %d core modules", maxModules)
	}
	if r.err != nil {
		return nil
	}
	m, err := wasmmod.Decode(wasm)
	if err != nil {
		r.fail("core module")
		r.err = &PlanError{Kind: ErrInvalid, Name: fmt.Sprintf("core module at byte %d", at), Err: err}
		return nil
	}
	seen := make(map[ImportName]bool, len(m.Imports))
	for _, im := range m.Imports {
		n := ImportName{im.Module, im.Name}
		if seen[n] {
			r.invalid("core module imports %q %q twice", n.Module, n.Name)
		}
		seen[n] = true
	}
	r.file.modules = append(r.file.modules, m)
	r.file.code = append(r.file.code, wasm)
	return moduleDef{len(r.file.modules) - 1}
}

// sort reads a sort; core sorts have the bit coreSort.
func (r *reader) sort() byte {
	b := r.byte()
	switch b {
	case 0:
		return coreSort | r.coreSort()
	case sortFunc, sortType, sortComponent, sortInstance:
		return b
	case sortValue:
		r.unsupported("value", "only components without values run")
		return b
	}
	r.fail("unknown sort %#02x", b)
	return b
}

func (r *reader) coreSort() byte {
	b := r.byte()
	switch b {
	case 0, 1, 2, 3, 4, 0x10, 0x11, 0x12:
	default:
		r.fail("unknown core sort %#02x", b)
	}
	return b
}

func (r *reader) coreInstance() any {
	d := &coreInstanceDef{}
	switch k := r.byte(); k {
	case 0:
		d.instantiate, d.module = true, r.u32()
		for n := r.count(); n > 0 && r.err == nil; n-- {
			name := r.name()
			r.expect(0x12, "sort of an argument")
			d.args = append(d.args, coreArg{name, r.u32()})
		}
	case 1:
		for n := r.count(); n > 0 && r.err == nil; n-- {
			d.exports = append(d.exports, inlineExport{name: r.name(), ref: sortIndex{coreSort | r.coreSort(), r.u32()}})
		}
	default:
		r.fail("unknown form %#02x of a core instance", k)
	}
	return d
}

func (r *reader) instance() any {
	d := &instanceDef{}
	switch k := r.byte(); k {
	case 0:
		d.instantiate, d.component = true, r.u32()
		for n := r.count(); n > 0 && r.err == nil; n-- {
			d.args = append(d.args, inlineExport{name: r.name(), ref: r.sortIndex()})
		}
	case 1:
		for n := r.count(); n > 0 && r.err == nil; n-- {
			var e inlineExport
			e.name, e.attr = r.externName()
			e.ref = r.sortIndex()
			d.exports = append(d.exports, e)
		}
	default:
		r.fail("unknown form %#02x of an instance", k)
	}
	return d
}

func (r *reader) sortIndex() sortIndex { return sortIndex{r.sort(), r.u32()} }

func (r *reader) componentAlias() any {
	sort := r.sort()
	if r.off < len(r.b) && r.b[r.off] == 1 {
		r.byte()
		if sort < coreSort {
			r.fail("alias of a core export with sort %#02x", sort)
		}
		return &aliasDef{decl{kind: aliasExport, sort: sort, a: r.u32(), name: r.name()}, true}
	}
	return &aliasDef{decl: r.aliasTarget(sort)}
}

func (r *reader) resourceDef() any {
	if rep := r.byte(); rep != 0x7f {
		r.invalid("resource is represented by %#02x, not by an i32", rep)
	}
	d := &resourceDef{}
	switch k := r.byte(); k {
	case 0:
	case 1:
		d.hasDtor, d.dtor = true, r.u32()
	default:
		r.fail("destructor starts with neither 0 nor 1")
	}
	return d
}

func (r *reader) export() any {
	e := &exportDef{}
	e.name, e.attr = r.externName()
	e.ref = r.sortIndex()
	switch r.byte() {
	case 0:
	case 1:
		d := r.externDesc()
		e.desc = &d
	default:
		r.fail("type of an export starts with neither 0 nor 1")
	}
	return e
}

// asyncMsg says why a component is refused that needs WASI 0.3.
const asyncMsg = "this is WASI 0.3 (async); this host runs synchronous WASI 0.2 components"

// The canonical functions of WASI 0.2; the others belong to 0.3.
const (
	canonLift  = 0x00
	canonLower = 0x01
	canonNew   = 0x02
	canonDrop  = 0x03
	canonRep   = 0x04
)

func (r *reader) canon() any {
	d := &canonDef{op: r.byte()}
	switch d.op {
	case canonLift:
		r.expect(0, "sort of what is lifted")
		d.index, d.opts, d.typ = r.u32(), r.canonOptions(), r.u32()
	case canonLower:
		r.expect(0, "sort of what is lowered")
		d.index, d.opts = r.u32(), r.canonOptions()
	case canonNew, canonDrop, canonRep:
		d.typ = r.u32()
	default:
		r.asyncCanon(d.op)
	}
	return d
}

func (r *reader) canonOptions() (o canonOptions) {
	set := func(has *bool, what string) {
		if *has {
			r.invalid("canonical option %s occurs twice", what)
		}
		*has = true
	}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		switch k := r.byte(); k {
		case 0, 1, 2:
			set(&o.encoded, "string-encoding")
			o.encoding = k
		case 3:
			set(&o.hasMemory, "memory")
			o.memory = r.u32()
		case 4:
			set(&o.hasRealloc, "realloc")
			o.realloc = r.u32()
		case 5:
			set(&o.hasPost, "post-return")
			o.postReturn = r.u32()
		case 6:
			r.unsupported("canonical option async", asyncMsg)
		case 7:
			r.u32()
			r.unsupported("canonical option callback", asyncMsg)
		case 8:
			r.u32()
			r.unsupported("canonical option core-type", "WebAssembly GC is not supported")
		case 9:
			r.unsupported("canonical option gc", "WebAssembly GC is not supported")
		default:
			r.fail("unknown canonical option %#02x", k)
		}
	}
	return o
}

// asyncCanon reads a canonical function of WASI 0.3, to tell a malformed file from one for a later host.
func (r *reader) asyncCanon(op byte) {
	switch op {
	case 0x05, 0x0d, 0x1f, 0x22, 0x23, 0x24, 0x25, 0x26, 0x28: // nothing follows
	case 0x06, 0x0c, 0x29, 0x2a, 0x2b, 0x2c, 0x2d:
		r.flag()
	case 0x08, 0x0e, 0x13, 0x14, 0x15, 0x1a, 0x1b:
		r.u32()
	case 0x09:
		if r.byte() == 0 {
			r.valType()
		} else {
			r.expect(0, "number of named results")
		}
		r.canonOptions()
	case 0x0a, 0x0b:
		r.expect(0x7f, "type of a context slot")
		r.u32()
	case 0x0f, 0x10, 0x16, 0x17:
		r.u32()
		r.canonOptions()
	case 0x11, 0x12, 0x18, 0x19:
		r.u32()
		r.flag()
	case 0x1c, 0x1d:
		r.canonOptions()
	case 0x1e:
	case 0x20, 0x21:
		r.flag()
		r.u32()
	case 0x27:
		r.u32()
		r.u32()
	default:
		r.fail("unknown canonical function %#02x", op)
		return
	}
	r.unsupported(fmt.Sprintf("canonical function %#02x", op), asyncMsg)
}

func (r *reader) flag() {
	if b := r.byte(); b > 1 {
		r.fail("flag is %#02x, want 0 or 1", b)
	}
}

// usesAsync reports whether a value of the kind belongs to WASI 0.3.
func usesAsync(k wit.Kind) bool { return k == wit.Stream || k == wit.Future || k == wit.ErrorContext }
