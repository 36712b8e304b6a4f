package component

import (
	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/wit"
)

// Plan is a flat recipe that instantiates a program: what to instantiate in which order, where each import comes from,
// and how the program's functions are lifted and lowered. It is the same for a component and for a core module that follows the Canonical
// ABI (FromModule). Making it runs no guest code. A Plan is immutable once made.
//
// Things that are looked up at run time have numbers: core instances, trampolines, memories and functions ("slots"),
// resources, component instances.
type Plan struct {
	World *wit.World // what the program imports and exports, as types

	Modules     [][]byte       // core modules
	Instances   []CoreInstance // in the order of instantiation
	Trampolines []Trampoline   // the functions that the host gives to core modules
	Lifts       []Lift
	Imports     []Import
	Exports     []Export
	Resources   []Resource
	Memories    []Item // memory slots
	Funcs       []Item // slots of core functions that the host calls
	Initialize  []int  // function slots called once, in order, after instantiation; they take and return nothing
	Components  int    // number of component instances: each has a handle table and a may-leave flag

	// Missing is what a component asks of its host that no host has: core modules, components. With any of it the plan
	// cannot be instantiated.
	Missing []string
}

// Item is where something in the core index spaces comes from: an export of a core instance, or, if Instance is negative, a
// trampoline.
type Item struct {
	Instance   int
	Name       string // of the export
	Trampoline int
}

// CoreInstance is an instantiation of a core module.
type CoreInstance struct {
	Module int
	// Imports says where each import comes from. Imports that it lacks stay as they are: the host's own
	// modules (wasi_snapshot_preview1).
	Imports map[ImportName]Item
}

// ImportName is the two-level name of a core import.
type ImportName struct{ Module, Name string }

// TrampolineKind tells trampolines apart.
type TrampolineKind uint8

// The kinds of trampolines: "canon lower", "resource.new", "resource.drop" and "resource.rep".
const (
	Lower TrampolineKind = iota
	ResourceNew
	ResourceDrop
	ResourceRep
)

// Trampoline is a host function that core modules import.
type Trampoline struct {
	Kind      TrampolineKind
	Component int // the component instance that it belongs to

	// For Lower.
	Type    *abi.Func
	Import  int // index into Imports, or -1 if a lift of another component instance is called
	Lift    int // index into Lifts, or -1
	Options Options

	Resource int // for the others: index into Resources
}

// Options are the canonical options of a lift or lower. Slots are -1 if absent.
type Options struct {
	Encoding   abi.Encoding
	Memory     int // memory slot
	Realloc    int // function slot
	PostReturn int // function slot; lifts only
}

// Lift is a core function of the guest seen as a function with WIT types.
type Lift struct {
	Func      int // function slot
	Component int
	Type      *abi.Func
	Options   Options
}

// Import is a function that the program wants from its host.
type Import struct {
	Interface string // as the program writes it, version included; "" for a function of the world
	Name      string // canonical name
	Type      *wit.FuncType
}

// Export is a function that the program offers.
type Export struct {
	Interface string // "" for a function of the world
	Name      string // canonical name
	Type      *wit.FuncType
	Lift      int
}

// Resource is a resource type of the program.
type Resource struct {
	Interface, Name string
	Defined         bool // the program defines it; otherwise the host does
	Component       int  // the component instance that defines it
	Destructor      int  // function slot, -1 for none or for a resource of the host
}

func (p *Plan) funcSlot(it Item) int { return slot(&p.Funcs, it) }

func (p *Plan) memorySlot(it Item) int { return slot(&p.Memories, it) }

// slot gives the number of an item, adding it if it is new.
func slot(items *[]Item, it Item) int {
	for i, have := range *items {
		if have == it {
			return i
		}
	}
	*items = append(*items, it)
	return len(*items) - 1
}
