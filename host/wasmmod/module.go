// Package wasmmod reads and rewrites core WebAssembly modules: it gives a module's imports, exports and custom sections,
// renames imports, and inserts the checks that let the host stop, meter and bound a running guest.
//
// Every module from outside passes through here before the engine sees it. Decode accepts only strict framing and the
// limits of the WebAssembly JavaScript interface, so that no length in a module makes the engine allocate for what is not
// there. Apply parses each instruction, with the same result as the engine or with an error.
//
// It does not run code, validate types, or know components (see host/component). It imports only the standard library.
package wasmmod

import (
	"bytes"
	"strings"
)

// The limits on a module. Those other than MaxSize and the locals of the whole module are the ones of the WebAssembly
// JavaScript Interface ("Implementation-defined Limits"); more is ErrTooLarge.
const (
	// MaxSize is the largest module that Decode takes, in bytes.
	MaxSize = 64 << 20

	maxTypes     = 1_000_000
	maxImports   = 1_000_000
	maxFuncs     = 1_000_000
	maxTables    = 64 // far below the interface's 100,000: each may grow to Rewrite.TableMax
	maxTableSize = 10_000_000
	maxGlobals   = 1_000_000
	maxTags      = 1_000_000
	maxExports   = 1_000_000
	maxSegments  = 100_000
	maxElements  = 10_000_000
	maxValues    = 1_000     // parameters, results of a function
	maxLocals    = 50_000    // of a function
	maxBody      = 7_654_321 // bytes of a function
	maxAllLocals = 8 << 20   // of all functions together: the engine makes a slice element for each
)

// The header of every module: "\0asm", version 1, layer 0; a component has version 13, layer 1.
const (
	coreHeader      = "\x00asm\x01\x00\x00\x00"
	componentHeader = "\x00asm\x0d\x00\x01\x00"
)

// IsCoreModule reports whether b begins as a core module.
func IsCoreModule(b []byte) bool { return bytes.HasPrefix(b, []byte(coreHeader)) }

// IsComponent reports whether b begins as a component.
func IsComponent(b []byte) bool { return bytes.HasPrefix(b, []byte(componentHeader)) }

// Import is one import, in the module's order.
type Import struct {
	Module, Name string
	Kind         Kind
	TypeIndex    uint32  // Func and Tag
	Sig          FuncSig // Func and Tag
	Limits       Limits  // Memory and Table
	Type         byte    // Global: value type as in FuncSig; Table: type of the elements
	Mutable      bool    // Global

	desc []byte // the import's description as it stands in the module
}

// Export is one export, in the module's order.
type Export struct {
	Name  string
	Kind  Kind
	Index uint32  // in the index space of its kind, imports first
	Sig   FuncSig // Func
}

// CustomSection is a custom section. Data aliases the module.
type CustomSection struct {
	Name   string
	Data   []byte
	Offset int // of the section's first byte, its id, in the module
}

// Module is what a host wants to know of a module before it is compiled.
type Module struct {
	Imports  []Import
	Exports  []Export
	Custom   []CustomSection
	Memories []Limits // imported ones first
	Tables   []Limits // imported ones first
	HasStart bool     // a start function runs at instantiation
	Funcs    int      // functions of its own, without imports

	sections []section
	types    []FuncSig
	funcs    []uint32 // type of every function, imports first
	globals  []byte   // value type of every global, imports first
	mutable  []bool   // the same for mutability
	elems    []byte   // type of the elements of every table, imports first
	tags     uint32
	start    uint32
	bodies   []body

	importedFuncs, importedTables uint32
	sharesTable                   bool   // another module may come by a function reference
	taken                         []bool // by function, whether its address is taken
}

// body is one function of the code section.
type body struct {
	code   []byte // instructions
	decl   []byte // declaration of locals, without its count
	groups uint32 // count of the declaration
	locals uint32 // parameters and locals
	offset int    // of code, in the module
}

// Export returns the export of that name.
func (m *Module) Export(name string) (Export, bool) {
	for _, e := range m.Exports {
		if e.Name == name {
			return e, true
		}
	}
	return Export{}, false
}

// Global gives the type of a global, by its index as in Export.Index: its value type as in FuncSig, and whether it is mutable.
func (m *Module) Global(index uint32) (typ byte, mutable bool) {
	return m.globals[index], m.mutable[index]
}

// TableElem gives the type of a table's elements as in FuncSig, by its index as in Export.Index.
func (m *Module) TableElem(index uint32) byte { return m.elems[index] }

// CustomSections returns the custom sections whose names begin with prefix, in order.
func (m *Module) CustomSections(prefix string) []CustomSection {
	var found []CustomSection
	for _, c := range m.Custom {
		if strings.HasPrefix(c.Name, prefix) {
			found = append(found, c)
		}
	}
	return found
}

// Decode reads all of a module but its instructions. Slices in the result alias b. Errors are of type *Error and wrap
// ErrMalformed, ErrUnsupported or ErrTooLarge.
func Decode(b []byte) (*Module, error) {
	if err := checkHeader(b); err != nil {
		return nil, err
	}
	m := &Module{}
	if err := m.split(b); err != nil {
		return nil, err
	}
	for i := range m.sections {
		if err := m.decodeSection(&m.sections[i]); err != nil {
			return nil, err
		}
	}
	return m, m.finish(len(b))
}

func checkHeader(b []byte) error {
	switch {
	case len(b) > MaxSize:
		return &Error{Kind: ErrTooLarge, Msg: "the module is larger than 64 MiB"}
	case IsComponent(b):
		return &Error{Kind: ErrUnsupported, Msg: "this is a component, not a core module"}
	case !IsCoreModule(b):
		return &Error{Kind: ErrMalformed, Msg: "this is not WebAssembly: a module begins with \\0asm, version 1"}
	}
	return nil
}

// finish checks what needs all sections.
func (m *Module) finish(size int) error {
	r := reader{base: size}
	if m.Funcs != len(m.bodies) {
		r.malformed("%d functions and %d bodies", m.Funcs, len(m.bodies))
	}
	if len(m.Memories) > 1 {
		r.fail(ErrUnsupported, "%d memories; one is taken", len(m.Memories))
	}
	return r.err
}
