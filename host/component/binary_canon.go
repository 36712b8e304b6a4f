package component

import (
	"fmt"

	"github.com/wattle-io/wattle/wit"
)

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
