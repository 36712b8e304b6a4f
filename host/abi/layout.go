package abi

import (
	"math"
	"slices"

	"github.com/wattle-io/wattle/wit"
)

// Bounds of types, which come from guests too.
const (
	maxTypeDepth = 64
	maxFields    = 1 << 16 // fields, cases or elements of one type
)

// Type is a value type with its layout in a 32-bit memory. Types are immutable and may be shared.
type Type struct {
	WIT         *wit.Type
	Size, Align uint32
	Flat        []ValType // the flat form; nil if it has more than MaxFlatParams values, then the type only lives in memory

	shape    shape
	fields   []field // record, tuple
	cases    []*Type // variant, enum, option, result: payloads, nil for none
	elem     *Type   // list
	length   uint32  // fixed-length list
	discSize uint32  // size of the discriminant
	payload  uint32  // offset of the payload
	labels   int     // flags
	resource int     // own, borrow: number of the resource type within its program
	depth    int
	pointers bool // has strings or lists, whose bytes are elsewhere in memory
}

type field struct {
	offset uint32
	typ    *Type
}

// shape is what lift and lower tell apart: despecialized kinds.
type shape uint8

const (
	scalar shape = iota
	str
	list
	fixedList
	record
	variant
	flags
	own
	borrow
)

// Func is a function type with its core signature.
type Func struct {
	Params []*Type
	Result *Type // nil for none

	ParamsInMemory, ResultInMemory bool // spilled: passed by a pointer

	flatParams       []ValType
	tuple            *Type // of the parameters, if they are in memory
	paramsNeedMemory bool  // they are in memory, or point there
}

// Compiler lays out types. It keeps what it has laid out, so that a type that is used often is laid out once.
type Compiler struct {
	// Resource numbers a resource type. Types that have the same number are the same to the handle table.
	// Nil refuses resources.
	Resource func(*wit.Resource) (int, error)

	types map[*wit.Type]*Type
}

// Func lays out a function type. The error is an *Error of kind ErrType.
func (c *Compiler) Func(ft *wit.FuncType) (f *Func, err error) {
	defer catch(&err)
	if ft.Async {
		fail(ErrType, "async functions are not supported yet")
	}
	f = &Func{}
	fields := make([]wit.Field, len(ft.Params))
	for i, p := range ft.Params {
		fields[i] = p
		f.Params = append(f.Params, c.typeOf(p.Type, 0))
	}
	f.flatParams = concatFlat(f.Params)
	if f.ParamsInMemory = f.flatParams == nil && len(f.Params) > 0; f.ParamsInMemory {
		f.tuple = c.record(&wit.Type{Kind: wit.Tuple, Fields: fields}, 0)
		f.flatParams = []ValType{I32}
	}
	f.paramsNeedMemory = f.ParamsInMemory || f.pointerParams()
	if ft.Result != nil {
		f.Result = c.typeOf(ft.Result, 0)
		f.ResultInMemory = f.Result.Flat == nil || len(f.Result.Flat) > MaxFlatResults
	}
	return f, nil
}

// Lifted is the core signature of a guest's export that is lifted to this type.
func (f *Func) Lifted() (params, results []ValType) {
	switch {
	case f.Result == nil:
		return f.flatParams, nil
	case f.ResultInMemory:
		return f.flatParams, []ValType{I32}
	}
	return f.flatParams, f.Result.Flat
}

// Lowered is the core signature of a guest's import that this type is lowered to.
func (f *Func) Lowered() (params, results []ValType) {
	if f.ResultInMemory {
		return append(append([]ValType{}, f.flatParams...), I32), nil
	}
	return f.Lifted()
}

// LiftNeeds says which canonical options a guest's export of this type must have.
func (f *Func) LiftNeeds() (memory, realloc bool) {
	return f.paramsNeedMemory || f.ResultInMemory, f.paramsNeedMemory
}

// LowerNeeds says which canonical options a guest's import of this type must have.
func (f *Func) LowerNeeds() (memory, realloc bool) {
	realloc = f.Result != nil && f.Result.pointers
	return f.ResultInMemory || f.paramsNeedMemory, realloc
}

func (f *Func) pointerParams() bool {
	return slices.ContainsFunc(f.Params, func(t *Type) bool { return t.pointers })
}

func (c *Compiler) typeOf(t *wit.Type, depth int) *Type {
	if t == nil {
		fail(ErrType, "missing type")
	}
	if depth > maxTypeDepth {
		fail(ErrType, "type %v is nested more than %d deep", t.Kind, maxTypeDepth)
	}
	if l := c.types[t]; l != nil {
		if depth+l.depth > maxTypeDepth {
			fail(ErrType, "type %s is nested more than %d deep", t, maxTypeDepth)
		}
		return l
	}
	l := c.layout(t, depth)
	l.WIT = t
	if c.types == nil {
		c.types = map[*wit.Type]*Type{}
	}
	c.types[t] = l
	return l
}

var (
	flatI32 = []ValType{I32}
	flatI64 = []ValType{I64}
	flatF32 = []ValType{F32}
	flatF64 = []ValType{F64}
	flatPtr = []ValType{I32, I32}
)

func (c *Compiler) layout(t *wit.Type, depth int) *Type {
	switch t.Kind {
	case wit.Bool, wit.S8, wit.U8:
		return &Type{Size: 1, Align: 1, Flat: flatI32}
	case wit.S16, wit.U16:
		return &Type{Size: 2, Align: 2, Flat: flatI32}
	case wit.S32, wit.U32, wit.Char:
		return &Type{Size: 4, Align: 4, Flat: flatI32}
	case wit.S64, wit.U64:
		return &Type{Size: 8, Align: 8, Flat: flatI64}
	case wit.F32:
		return &Type{Size: 4, Align: 4, Flat: flatF32}
	case wit.F64:
		return &Type{Size: 8, Align: 8, Flat: flatF64}
	case wit.String:
		return &Type{shape: str, pointers: true, Size: 8, Align: 4, Flat: flatPtr}
	case wit.List:
		return c.list(t, depth)
	case wit.Record, wit.Tuple:
		return c.record(t, depth)
	case wit.Variant, wit.Enum, wit.Option, wit.Result:
		return c.variant(t, depth)
	case wit.Flags:
		return flagsType(t)
	case wit.Own, wit.Borrow:
		return c.handle(t)
	}
	fail(ErrType, "%s values are not supported yet", t.Kind)
	return nil
}

func (c *Compiler) list(t *wit.Type, depth int) *Type {
	e := c.typeOf(t.Elem, depth+1)
	if t.Len == 0 {
		return &Type{shape: list, pointers: true, elem: e, Size: 8, Align: 4, Flat: flatPtr, depth: e.depth + 1}
	}
	l := &Type{shape: fixedList, elem: e, length: t.Len, pointers: e.pointers, Align: e.Align, depth: e.depth + 1}
	l.Size = fits(t, uint64(e.Size)*uint64(t.Len))
	if e.Flat != nil && uint64(len(e.Flat))*uint64(t.Len) <= MaxFlatParams {
		for range t.Len {
			l.Flat = append(l.Flat, e.Flat...)
		}
	}
	return l
}

func (c *Compiler) record(t *wit.Type, depth int) *Type {
	l := &Type{shape: record, Align: 1, WIT: t}
	var size uint64
	types := make([]*Type, countOf(t))
	for i, f := range t.Fields {
		e := c.typeOf(f.Type, depth+1)
		size = alignTo(size, e.Align)
		l.fields = append(l.fields, field{fits(t, size), e})
		size += uint64(e.Size)
		l.Align = max(l.Align, e.Align)
		l.depth = max(l.depth, e.depth+1)
		l.pointers = l.pointers || e.pointers
		types[i] = e
	}
	l.Size = fits(t, alignTo(size, l.Align))
	l.Flat = concatFlat(types)
	return l
}

func (c *Compiler) variant(t *wit.Type, depth int) *Type {
	cases := t.Cases()
	l := &Type{shape: variant, cases: make([]*Type, len(cases)), discSize: discriminantSize(countOf(t))}
	var size uint32
	align, flat, inMemory := uint32(1), []ValType{I32}, false
	for i, cs := range cases {
		if cs.Type == nil {
			continue
		}
		e := c.typeOf(cs.Type, depth+1)
		l.cases[i] = e
		size, align = max(size, e.Size), max(align, e.Align)
		l.depth = max(l.depth, e.depth+1)
		l.pointers = l.pointers || e.pointers
		inMemory = inMemory || e.Flat == nil || len(e.Flat) >= MaxFlatParams
		if !inMemory {
			flat = joinFlat(flat, e.Flat)
		}
	}
	l.Align = max(l.discSize, align)
	l.payload = uint32(alignTo(uint64(l.discSize), align))
	l.Size = fits(t, alignTo(uint64(l.payload)+uint64(size), l.Align))
	if !inMemory {
		l.Flat = flat
	}
	return l
}

func flagsType(t *wit.Type) *Type {
	l := &Type{shape: flags, labels: countOf(t), Flat: flatI32}
	switch {
	case l.labels <= 8:
		l.Size = 1
	case l.labels <= 16:
		l.Size = 2
	case l.labels <= 32:
		l.Size = 4
	default:
		fail(ErrType, "flags %s has %d labels, the limit is 32", t, l.labels)
	}
	l.Align = l.Size
	return l
}

func (c *Compiler) handle(t *wit.Type) *Type {
	if t.Resource == nil || c.Resource == nil {
		fail(ErrType, "%s handle without a resource type", t.Kind)
	}
	n, err := c.Resource(t.Resource)
	if err != nil {
		panic(&Error{Kind: ErrType, Msg: t.String(), Err: err})
	}
	l := &Type{shape: own, Size: 4, Align: 4, Flat: flatI32, resource: n}
	if t.Kind == wit.Borrow {
		l.shape = borrow
	}
	return l
}

// countOf is the number of fields, cases or labels, which must not be 0: a value without bytes would make a list of any
// length free.
func countOf(t *wit.Type) int {
	n := len(t.Fields)
	switch t.Kind {
	case wit.Option, wit.Result:
		n = 2
	}
	if n == 0 || n > maxFields {
		fail(ErrType, "%s %s has %d members, want 1 to %d", t.Kind, t.Name, n, maxFields)
	}
	return n
}

func discriminantSize(cases int) uint32 {
	switch {
	case cases <= 1<<8:
		return 1
	case cases <= 1<<16:
		return 2
	}
	return 4
}

func alignTo(n uint64, align uint32) uint64 { return (n + uint64(align) - 1) &^ (uint64(align) - 1) }

func fits(t *wit.Type, n uint64) uint32 {
	if n > math.MaxUint32 {
		fail(ErrType, "%s takes %d bytes", t.Kind, n)
	}
	return uint32(n)
}

// concatFlat is the flat form of a sequence, nil if it is longer than MaxFlatParams.
func concatFlat(types []*Type) []ValType {
	flat := []ValType{}
	for _, t := range types {
		if t.Flat == nil || len(flat)+len(t.Flat) > MaxFlatParams {
			return nil
		}
		flat = append(flat, t.Flat...)
	}
	return flat
}

// joinFlat merges the flat form of a case into that of its variant, whose first value is the discriminant.
func joinFlat(into, payload []ValType) []ValType {
	for i, t := range payload {
		switch {
		case i+1 == len(into):
			into = append(into, t)
		case into[i+1] != t:
			into[i+1] = join(into[i+1], t)
		}
	}
	return into
}

func join(a, b ValType) ValType {
	if a == I32 && b == F32 || a == F32 && b == I32 {
		return I32
	}
	return I64
}
