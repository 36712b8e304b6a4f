package component

import "github.com/wattle-io/wattle/host/wasmmod"

// Core types of a component (Binary.md, "core:type").

type (
	coreFuncDef   struct{ sig wasmmod.FuncSig }
	moduleTypeDef struct{ decls []moduleDecl }
	// moduleDecl is a declaration in a core module type: one of its fields is set, or it is an alias.
	moduleDecl struct {
		typ          *coreFuncDef
		imported     bool
		exported     bool
		module, name string
		desc         coreDesc
		count, index uint32 // of an alias
	}
	// coreDesc is the type of a core import or export; a function and a tag refer to a type.
	coreDesc struct {
		kind wasmmod.Kind
		typ  uint32
		coreType
	}
)

// coreType reads a core type. depth is 1 inside of a module type, which has no others inside.
func (r *reader) coreType(depth int) any {
	switch b := r.byte(); b {
	case 0x60:
		return &coreFuncDef{wasmmod.FuncSig{Params: r.coreValTypes(), Results: r.coreValTypes()}}
	case 0x00: // the form of a type that may have subtypes
		r.expect(0x50, "form of a core type")
		if r.count() != 0 {
			r.unsupported("core subtype", "WebAssembly GC is not supported")
			r.u32()
		}
		r.expect(0x60, "form of a core type")
		return &coreFuncDef{wasmmod.FuncSig{Params: r.coreValTypes(), Results: r.coreValTypes()}}
	case 0x50:
		if depth == 0 {
			return r.moduleType()
		}
		r.fail("core module types do not nest")
	default:
		r.fail("unknown form %#02x of a core type", b)
	}
	return &coreFuncDef{}
}

func (r *reader) coreValTypes() []byte {
	var types []byte
	for n := r.count(); n > 0 && r.err == nil; n-- {
		types = append(types, r.coreValType())
	}
	return types
}

// coreValType reads a core value type, in the form of wasmmod.FuncSig.
func (r *reader) coreValType() byte {
	switch b := r.byte(); b {
	case 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f, 0x69:
		return b
	case 0x63, 0x64:
		r.s33()
		return b
	default:
		r.fail("unknown core value type %#02x", b)
		return b
	}
}

func (r *reader) moduleType() any {
	d := &moduleTypeDef{}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		d.decls = append(d.decls, r.moduleDecl())
	}
	return d
}

func (r *reader) moduleDecl() (d moduleDecl) {
	switch k := r.byte(); k {
	case 0:
		d.imported, d.module, d.name = true, r.name(), r.name()
		d.desc = r.coreDesc()
	case 1:
		d.typ, _ = r.coreType(1).(*coreFuncDef)
	case 2:
		r.expect(0x10, "sort of a core alias")
		r.expect(0x01, "target of a core alias")
		d.count, d.index = r.u32(), r.u32()
	case 3:
		d.exported, d.name = true, r.name()
		d.desc = r.coreDesc()
	default:
		r.fail("declaration %#02x has no place in a core module type", k)
	}
	return d
}

func (r *reader) coreDesc() (d coreDesc) {
	d.kind = wasmmod.Kind(r.byte())
	switch d.kind {
	case wasmmod.Func:
		d.typ = r.u32()
	case wasmmod.Table:
		d.val = r.coreValType()
		d.limits = r.coreLimits()
	case wasmmod.Memory:
		if d.limits = r.coreLimits(); d.limits.Min > 1<<16 || d.limits.Max > 1<<16 {
			r.invalid("memory of more than 65536 pages")
		}
	case wasmmod.Global:
		d.val = r.coreValType()
		if m := r.byte(); m > 1 {
			r.fail("mutability %d", m)
		} else {
			d.mutable = m == 1
		}
	case wasmmod.Tag:
		r.expect(0, "attribute of a tag")
		d.typ = r.u32()
	default:
		r.fail("unknown kind %#02x of a core import or export", byte(d.kind))
	}
	d.coreType.kind = d.kind
	return d
}

func (r *reader) coreLimits() (l wasmmod.Limits) {
	flags := r.byte()
	if flags > 3 {
		r.unsupported("64-bit memory or table", "this host runs 32-bit memories")
		r.fail("limits with flags %#02x", flags)
	}
	l.Shared, l.HasMax, l.Min = flags&2 != 0, flags&1 != 0, r.u32()
	if l.HasMax {
		if l.Max = r.u32(); l.Max < l.Min {
			r.invalid("maximum %d is below minimum %d", l.Max, l.Min)
		}
	}
	return l
}
