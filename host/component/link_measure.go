package component

import "github.com/wattle-io/wattle/wit"

// measure computes sizes as the Canonical ABI does ("Element Size"), with 64-bit pointers: those bound the size of a type whatever
// memory it will lie in.
func (l *linker) measure(t *wit.Type, f *typeFacts) {
	f.size, f.align = 4, 4
	switch t.Kind {
	case wit.Bool, wit.S8, wit.U8:
		f.size, f.align = 1, 1
	case wit.S16, wit.U16:
		f.size, f.align = 2, 2
	case wit.S64, wit.U64, wit.F64:
		f.size, f.align = 8, 8
	case wit.String:
		f.size, f.align = 16, 8
	case wit.Flags:
		f.size = map[bool]uint64{true: 1, false: 2}[len(t.Fields) <= 8]
		if len(t.Fields) > 16 {
			f.size = 4
		}
		f.align = f.size
	case wit.List:
		e := l.part(t.Elem, f)
		f.size, f.align = 16, 8
		if t.Len > 0 {
			f.size, f.align = e.size*uint64(t.Len), e.align
		}
	case wit.Record, wit.Tuple:
		f.size, f.align = 0, 1
		for i := range t.Fields {
			e := l.part(t.Fields[i].Type, f)
			f.size, f.align = roundUp(f.size, e.align)+e.size, max(f.align, e.align)
		}
		f.size = roundUp(f.size, f.align)
	case wit.Variant, wit.Enum, wit.Option, wit.Result:
		l.measureCases(t, f)
	case wit.Stream, wit.Future:
		l.part(t.Elem, f)
	}
}

func (l *linker) measureCases(t *wit.Type, f *typeFacts) {
	cases := t.Cases()
	disc, size, align := uint64(1), uint64(0), uint64(1)
	if len(cases) > 1<<8 {
		disc = 2
	}
	if len(cases) > 1<<16 {
		disc = 4
	}
	for i := range cases {
		e := l.part(cases[i].Type, f)
		size, align = max(size, e.size), max(align, e.align)
	}
	f.align = max(disc, align)
	f.size = roundUp(roundUp(disc, align)+size, f.align)
}

func roundUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }

// part adds the facts of a part to those of the whole.
func (l *linker) part(t *wit.Type, whole *typeFacts) typeFacts {
	if t == nil {
		return typeFacts{align: 1}
	}
	p := l.facts[t]
	whole.nodes += p.nodes
	whole.depth = max(whole.depth, p.depth+1)
	whole.borrow, whole.resource, whole.async = whole.borrow || p.borrow, whole.resource || p.resource, whole.async || p.async
	return p
}
