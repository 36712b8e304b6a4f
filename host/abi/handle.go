package abi

import "github.com/wattle-io/wattle/wit"

// Rep is the object behind a handle of a resource that a guest defines: its representation, a number chosen by the guest.
type Rep struct {
	Resource int // number of the resource type within its program
	Rep      uint32
}

// Table is the handle table of one component instance (CanonicalABI.md, "Table"). Handles are its indexes, from 1; a
// freed one is used again. The zero Table is ready to use.
type Table struct {
	Limit int                // most handles open at a time; 0 = DefaultHandles
	Owns  func(res int) bool // whether the instance itself defines a resource type; nil = none

	entries []entry
	free    uint32 // first free entry, 0 for none
	open    int
}

// DefaultHandles is the number of handles that an instance may have open, unless Table.Limit says otherwise.
const DefaultHandles = 1024

type entry struct {
	object   any
	scope    *Context // the call that a borrow ends with; nil for an own handle
	lends    uint32   // loans of an own handle that are still on
	next     uint32   // next free entry
	resource int
	own      bool
	used     bool
}

// Open is the number of handles open.
func (t *Table) Open() int { return t.open }

func (t *Table) owns(res int) bool { return t.Owns != nil && t.Owns(res) }

// add gives 0, which is no handle, and an error if the table is full.
func (t *Table) add(e entry) (uint32, *Error) {
	limit := t.Limit
	if limit <= 0 {
		limit = DefaultHandles
	}
	if t.open >= limit {
		return 0, errorf(ErrTable, "the limit is %d; drop handles that are no longer needed", limit)
	}
	t.open++
	e.used = true
	if i := t.free; i != 0 {
		t.free = t.entries[i].next
		t.entries[i] = e
		return i, nil
	}
	if len(t.entries) == 0 {
		t.entries = append(t.entries, entry{})
	}
	t.entries = append(t.entries, e)
	return uint32(len(t.entries) - 1), nil
}

func (t *Table) get(i uint32, res int) (*entry, *Error) {
	if uint64(i) >= uint64(len(t.entries)) || !t.entries[i].used {
		return nil, errorf(ErrHandle, "handle %d is not open", i)
	}
	e := &t.entries[i]
	if e.resource != res {
		return nil, errorf(ErrHandle, "handle %d is of another resource type", i)
	}
	return e, nil
}

func (t *Table) remove(i uint32) {
	t.entries[i] = entry{next: t.free}
	t.free = i
	t.open--
}

// take removes an own handle and gives its object.
func (t *Table) take(i uint32, res int) (any, *Error) {
	e, err := t.get(i, res)
	switch {
	case err != nil:
		return nil, err
	case !e.own:
		return nil, errorf(ErrHandle, "handle %d is borrowed and cannot be given away", i)
	case e.lends != 0:
		return nil, errorf(ErrHandle, "handle %d is lent and cannot be given away", i)
	}
	object := e.object
	t.remove(i)
	return object, nil
}

// lend gives the object of a handle, which is lent until endLoan.
func (t *Table) lend(i uint32, res int) (any, *Error) {
	e, err := t.get(i, res)
	if err != nil {
		return nil, err
	}
	e.lends++
	return e.object, nil
}

// endLoan may come after a trap has emptied the table.
func (t *Table) endLoan(i uint32) {
	if uint64(i) < uint64(len(t.entries)) && t.entries[i].lends > 0 {
		t.entries[i].lends--
	}
}

// New makes an own handle of an object: "resource.new" for a guest's resource.
func (t *Table) New(object any, res int) (handle uint32, err error) {
	h, e := t.add(entry{object: object, resource: res, own: true})
	if e != nil {
		return 0, e
	}
	return h, nil
}

// Get gives the object of a handle: "resource.rep" for a guest's resource.
func (t *Table) Get(handle uint32, res int) (object any, err error) {
	e, bad := t.get(handle, res)
	if bad != nil {
		return nil, bad
	}
	return e.object, nil
}

// Drop closes a handle: "resource.drop". If it was an own handle, owned is true and the caller ends the object's life.
func (t *Table) Drop(handle uint32, res int) (object any, owned bool, err error) {
	e, bad := t.get(handle, res)
	if bad != nil {
		return nil, false, bad
	}
	if e.lends != 0 {
		return nil, false, errorf(ErrHandle, "handle %d is lent and cannot be dropped", handle)
	}
	object, owned = e.object, e.own
	if e.scope != nil {
		e.scope.borrowed--
	}
	t.remove(handle)
	return object, owned, nil
}

// Clear closes all handles, and drops the host's objects behind those that the guest owned. It is for the end of an instance.
func (t *Table) Clear() {
	entries := t.entries
	t.entries, t.free, t.open = nil, 0, 0
	for i := range entries {
		if d, ok := entries[i].object.(wit.Dropper); ok && entries[i].own {
			d.Drop()
		}
	}
}
