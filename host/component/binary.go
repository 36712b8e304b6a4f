package component

import (
	"bytes"
	"fmt"

	"github.com/wattle-io/wattle/host/wasmmod"
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
