package component

import (
	"github.com/wattle-io/wattle/wit"
)

// The entities of index spaces. A type is one of *wit.Type, *wit.FuncType, *wit.Resource and *closureType.
type (
	entity any

	moduleEntity struct {
		typ   *moduleType
		index int // in Plan.Modules; -1 for an abstract one
	}
	coreInst struct {
		index   int // in Plan.Instances; -1 for a bundle of exports
		exports map[string]coreItem
	}
	coreItem struct {
		coreType
		item Item
	}
	funcEntity struct {
		typ  *wit.FuncType
		lift int         // in Plan.Lifts, -1 for none
		host *hostImport // nil for none
	}
	hostImport struct {
		iface, name string
		index       int // in Plan.Imports; -1 until it is used
	}
	instEntity struct {
		names   []string
		exports map[string]entity
	}
	compEntity struct {
		def *componentDef // nil if only its type is known
		env *scope
		typ *closureType
	}
	typeEntity struct {
		v       any
		foreign bool // came from elsewhere: giving it a name declares nothing new
	}
	// closureType is an instance or component type, with the scope that it stands in.
	closureType struct {
		def  *scopeDef
		env  *scope
		free bool // it refers to resource types outside of it
	}
)

func newInst() *instEntity { return &instEntity{exports: map[string]entity{}} }

func (i *instEntity) add(name string, e entity) {
	i.names = append(i.names, name)
	i.exports[name] = e
}

// scopeKind says what a scope belongs to.
type scopeKind uint8

const (
	componentScope scopeKind = iota
	componentTypeScope
	instanceTypeScope
)

// scope is the index spaces of a component, or of a component or instance type.
type scope struct {
	parent *scope
	kind   scopeKind
	comp   int  // number of the component instance
	free   bool // an alias in it reached a resource type outside

	types     []typeEntity
	funcs     []*funcEntity
	insts     []*instEntity
	comps     []*compEntity
	modules   []*moduleEntity
	coreTypes []any // *wasmmod.FuncSig or *moduleType
	coreInsts []*coreInst
	core      [5][]coreItem // by wasmmod.Kind

	imports, exports nameSpace
}

func newScope(parent *scope, kind scopeKind) *scope {
	s := &scope{parent: parent, kind: kind}
	s.imports, s.exports = newNameSpace("import"), newNameSpace("export")
	s.imports.also = &s.exports // an imported type may be named in exports too
	s.exports.open = kind == instanceTypeScope
	return s
}
