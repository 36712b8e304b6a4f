package abi

import (
	"errors"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

// object counts how often it is dropped.
type object struct{ drops int }

func (o *object) Drop() { o.drops++ }

// handleFuncs are functions that take an own and a borrow handle of one resource, and one that takes another's.
func handleFuncs(t *testing.T) (own, borrow *Func) {
	r := &wit.Resource{Name: "r"}
	return compile(t, takes(&wit.Type{Kind: wit.Own, Resource: r})), compile(t, takes(&wit.Type{Kind: wit.Borrow, Resource: r}))
}

// give lowers an object into the guest and returns its handle.
func give(t *testing.T, c *Context, f *Func, o any) uint64 {
	t.Helper()
	var stack [1]uint64
	c.Objects = append(c.Objects[:0], o)
	if _, err := c.LowerParams(f, []byte{0}, stack[:]); err != nil {
		t.Fatal(err)
	}
	return stack[0]
}

func TestOwnHandleMovesInAndOut(t *testing.T) {
	own, _ := handleFuncs(t)
	c, o := newContext(newFake(), UTF8), &object{}
	h := give(t, c, own, o)
	if h == 0 || c.Handles.Open() != 1 {
		t.Fatalf("handle %d, %d open", h, c.Handles.Open())
	}
	c.Reset()
	if _, err := c.LiftParams(own, []uint64{h}, nil); err != nil || len(c.Objects) != 1 || c.Objects[0] != any(o) {
		t.Fatalf("%v, %v", c.Objects, err)
	}
	if _, err := c.LiftParams(own, []uint64{h}, nil); !errors.Is(err, ErrHandle) {
		t.Errorf("a handle that was given away: %v", err)
	}
	if c.Handles.Open() != 0 || o.drops != 0 {
		t.Errorf("%d open, %d drops", c.Handles.Open(), o.drops)
	}
}

func TestLentHandleCannotBeGivenAwayOrDropped(t *testing.T) {
	own, borrow := handleFuncs(t)
	c := newContext(newFake(), UTF8)
	h := give(t, c, own, &object{})
	c.Reset()
	if _, err := c.LiftParams(borrow, []uint64{h}, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Handles.Drop(uint32(h), 0); !errors.Is(err, ErrHandle) {
		t.Errorf("drop: %v", err)
	}
	if _, err := newContextOn(c).LiftParams(own, []uint64{h}, nil); !errors.Is(err, ErrHandle) {
		t.Errorf("take: %v", err)
	}
	c.EndBorrows()
	if _, owned, err := c.Handles.Drop(uint32(h), 0); err != nil || !owned {
		t.Errorf("after the loan: %v, %v", owned, err)
	}
}

// newContextOn is another call into the guest of c.
func newContextOn(c *Context) *Context { return &Context{Guest: c.Guest, Handles: c.Handles} }

func TestBorrowHandleEndsWithItsCall(t *testing.T) {
	own, borrow := handleFuncs(t)
	c, o := newContext(newFake(), UTF8), &object{}
	h := give(t, c, borrow, o)
	if c.Borrows() != 1 {
		t.Fatal("a borrow is not counted")
	}
	if _, err := newContextOn(c).LiftParams(own, []uint64{h}, nil); !errors.Is(err, ErrHandle) {
		t.Errorf("a borrowed handle was given away: %v", err)
	}
	if _, owned, err := c.Handles.Drop(uint32(h), 0); err != nil || owned || c.Borrows() != 0 {
		t.Errorf("drop: owned %v, %v, %d borrows left", owned, err, c.Borrows())
	}
	if o.drops != 0 {
		t.Error("the object was dropped with a borrow")
	}
}

func TestWrongHandlesAreRefused(t *testing.T) {
	own, _ := handleFuncs(t)
	c := newContext(newFake(), UTF8)
	h := give(t, c, own, &object{})
	for name, i := range map[string]uint64{"zero": 0, "unknown": h + 1, "huge": 0xffff_ffff} {
		if _, err := newContextOn(c).LiftParams(own, []uint64{i}, nil); !errors.Is(err, ErrHandle) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Handles.Get(uint32(h), 7); !errors.Is(err, ErrHandle) {
		t.Errorf("another type: %v", err)
	}
	if _, _, err := c.Handles.Drop(uint32(h), 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Handles.Drop(uint32(h), 0); !errors.Is(err, ErrHandle) {
		t.Errorf("second drop: %v", err)
	}
}

func TestTableIsLimited(t *testing.T) {
	own, _ := handleFuncs(t)
	c, o := newContext(newFake(), UTF8), &object{}
	c.Handles.Limit = 1
	h := give(t, c, own, o)
	var stack [1]uint64
	c.Reset()
	c.Objects = []any{o}
	if _, err := c.LowerParams(own, []byte{0}, stack[:]); !errors.Is(err, ErrTable) {
		t.Fatalf("got %v", err)
	}
	if c.Objects[0] == nil {
		t.Error("an object that the guest did not get is forgotten")
	}
	if _, _, err := c.Handles.Drop(uint32(h), 0); err != nil {
		t.Fatal(err)
	}
	c.Reset()
	if again := give(t, c, own, o); again != h {
		t.Errorf("handle %d is not used again: %d", h, again)
	}
}

func TestObjectCanBeGivenAwayOnce(t *testing.T) {
	r := &wit.Type{Kind: wit.Own, Resource: &wit.Resource{}}
	var stack [2]uint64
	c := newContext(newFake(), UTF8)
	c.Objects = []any{&object{}}
	if _, err := c.LowerParams(compile(t, takes(r, r)), []byte{0, 0}, stack[:]); !errors.Is(err, ErrValue) {
		t.Errorf("got %v", err)
	}
}

func TestFailedLiftGivesBackWhatItTook(t *testing.T) {
	r := &wit.Type{Kind: wit.Own, Resource: &wit.Resource{}}
	own := compile(t, takes(r, prim(wit.Char)))
	c, o := newContext(newFake(), UTF8), &object{}
	h, err := c.Handles.New(o, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.LiftParams(own, []uint64{uint64(h), 0xd800}, nil); !errors.Is(err, ErrGuest) {
		t.Fatalf("got %v", err)
	}
	c.DropTaken()
	if o.drops != 1 {
		t.Errorf("%d drops", o.drops)
	}
}

func TestClearDropsOwnedObjectsOnce(t *testing.T) {
	own, borrow := handleFuncs(t)
	c, owned, borrowed := newContext(newFake(), UTF8), &object{}, &object{}
	give(t, c, own, owned)
	c.Reset()
	give(t, c, borrow, borrowed)
	c.Handles.Clear()
	c.Handles.Clear()
	if owned.drops != 1 || borrowed.drops != 0 || c.Handles.Open() != 0 {
		t.Errorf("owned %d, borrowed %d, open %d", owned.drops, borrowed.drops, c.Handles.Open())
	}
}

func TestOwnerOfAResourceBorrowsItsRepresentation(t *testing.T) {
	_, borrow := handleFuncs(t)
	c := newContext(newFake(), UTF8)
	c.Handles.Owns = func(int) bool { return true }
	if rep := give(t, c, borrow, Rep{Resource: 0, Rep: 77}); rep != 77 || c.Handles.Open() != 0 {
		t.Errorf("got %d, %d open", rep, c.Handles.Open())
	}
}
