package component

import (
	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/host/wasmmod"
	"github.com/wattle-io/wattle/wit"
)

// maxTrampolines bounds the host functions of a plan.
const maxTrampolines = 1 << 14

func (l *linker) funcSlot(it Item) int { return mappedSlot(l.funcs, &l.plan.Funcs, it) }

func (l *linker) memorySlot(it Item) int { return mappedSlot(l.mems, &l.plan.Memories, it) }

func mappedSlot(seen map[Item]int, items *[]Item, it Item) int {
	n, ok := seen[it]
	if !ok {
		n = len(*items)
		seen[it] = n
		*items = append(*items, it)
	}
	return n
}

// canon evaluates a canonical definition (CanonicalABI.md, "Canonical Definitions").
func (l *linker) canon(s *scope, d *canonDef) {
	switch d.op {
	case canonLift:
		s.funcs = append(s.funcs, l.lift(s, d))
	case canonLower:
		s.core[wasmmod.Func] = append(s.core[wasmmod.Func], l.lower(s, d))
	default:
		s.core[wasmmod.Func] = append(s.core[wasmmod.Func], l.builtin(s, d))
	}
}

func (l *linker) layout(f *wit.FuncType, what string) *abi.Func {
	if f.Async || l.funcUsesAsync(f) {
		l.unsupported(what, "%s", asyncMsg)
	}
	c := &l.real
	if l.dry {
		c = &l.try
	}
	layout, err := c.Func(f)
	if err != nil {
		panic(linkError{&PlanError{Kind: ErrUnsupported, Name: what, Err: err}})
	}
	return layout
}

func (l *linker) funcUsesAsync(f *wit.FuncType) bool {
	for _, p := range f.Params {
		if l.facts[p.Type].async {
			return true
		}
	}
	return f.Result != nil && l.facts[f.Result].async
}

func (l *linker) lift(s *scope, d *canonDef) *funcEntity {
	core := at(l, s.core[wasmmod.Func], d.index, "core function")
	f := &funcEntity{typ: l.funcType(s, d.typ), lift: -1}
	layout := l.layout(f.typ, "canon lift")
	params, results := layout.Lifted()
	if want := (wasmmod.FuncSig{Params: params, Results: results}); !sameSig(core.sig, want) {
		l.fail("canon lift: the core function is %v, its type asks for %v", core.sig, want)
	}
	memory, realloc := layout.LiftNeeds()
	o := l.options(s, d, memory, realloc)
	if d.opts.hasPost {
		post := at(l, s.core[wasmmod.Func], d.opts.postReturn, "core function")
		if !sameSig(post.sig, wasmmod.FuncSig{Params: results}) {
			l.fail("canonical option post-return: the core function is %v, want %v", post.sig, wasmmod.FuncSig{Params: results})
		}
		if !l.dry {
			o.PostReturn = l.funcSlot(post.item)
		}
	}
	if !l.dry {
		f.lift = len(l.plan.Lifts)
		l.plan.Lifts = append(l.plan.Lifts, Lift{Func: l.funcSlot(core.item), Component: s.comp, Type: layout, Options: o})
	}
	return f
}

func (l *linker) lower(s *scope, d *canonDef) coreItem {
	f := at(l, s.funcs, d.index, "function")
	layout := l.layout(f.typ, "canon lower")
	memory, realloc := layout.LowerNeeds()
	if d.opts.hasPost {
		l.fail("canonical option post-return cannot be specified for lowerings")
	}
	o := l.options(s, d, memory, realloc)
	t := Trampoline{Kind: Lower, Component: s.comp, Type: layout, Import: -1, Lift: f.lift, Options: o}
	if !l.dry && f.lift < 0 {
		t.Import = l.hostFunc(f)
	}
	params, results := layout.Lowered()
	return l.trampoline(t, wasmmod.FuncSig{Params: params, Results: results})
}

// hostFunc gives the number of an import, which is used from now on.
func (l *linker) hostFunc(f *funcEntity) int {
	if f.host == nil {
		l.missing["a function of an imported component or of a nested instance"] = true
		return -1
	}
	if f.host.index < 0 {
		f.host.index = len(l.plan.Imports)
		l.plan.Imports = append(l.plan.Imports, Import{Interface: f.host.iface, Name: f.host.name, Type: f.typ})
	}
	return f.host.index
}

// trampoline adds a host function to the plan.
func (l *linker) trampoline(t Trampoline, sig wasmmod.FuncSig) coreItem {
	it := coreItem{coreType{kind: wasmmod.Func, sig: sig}, Item{Instance: -1, Trampoline: len(l.plan.Trampolines)}}
	if l.dry {
		return it
	}
	if len(l.plan.Trampolines) >= maxTrampolines {
		l.unsupported("component", "it lowers more than %d functions", maxTrampolines)
	}
	l.plan.Trampolines = append(l.plan.Trampolines, t)
	return it
}

// builtin evaluates resource.new, resource.drop and resource.rep.
func (l *linker) builtin(s *scope, d *canonDef) coreItem {
	r := l.resources[l.resourceAt(s, d.typ)]
	t := Trampoline{Kind: ResourceDrop, Component: s.comp, Import: -1, Lift: -1}
	sig := wasmmod.FuncSig{Params: []byte{abi.I32}}
	if d.op != canonDrop {
		if r.owner != s {
			l.fail("type %d is not a local resource", d.typ)
		}
		sig.Results = []byte{abi.I32}
		t.Kind = ResourceNew
		if d.op == canonRep {
			t.Kind = ResourceRep
		}
	}
	if !l.dry {
		t.Resource = l.number(r)
	}
	return l.trampoline(t, sig)
}

// options evaluates the canonical options of a function that needs what is asked for.
func (l *linker) options(s *scope, d *canonDef, memory, realloc bool) Options {
	in := &d.opts
	o := Options{Encoding: abi.Encoding(in.encoding), Memory: -1, Realloc: -1, PostReturn: -1}
	switch {
	case in.hasRealloc && !in.hasMemory:
		l.fail("canonical option realloc requires memory to also be specified")
	case memory && !in.hasMemory:
		l.fail("canonical option memory is required")
	case realloc && !in.hasRealloc:
		l.fail("canonical option realloc is required")
	}
	if in.hasMemory {
		mem := at(l, s.core[wasmmod.Memory], in.memory, "memory")
		if !l.dry {
			o.Memory = l.memorySlot(mem.item)
		}
	}
	if in.hasRealloc {
		f := at(l, s.core[wasmmod.Func], in.realloc, "core function")
		if want := (wasmmod.FuncSig{Params: []byte{abi.I32, abi.I32, abi.I32, abi.I32}, Results: []byte{abi.I32}}); !sameSig(f.sig, want) {
			l.fail("canonical option realloc: the core function is %v, want %v", f.sig, want)
		}
		if !l.dry {
			o.Realloc = l.funcSlot(f.item)
		}
	}
	return o
}
