package wit

// The syntax tree of .wit files, before names are resolved.

type (
	// fileAST is the part of a file that belongs to one package.
	fileAST struct {
		uses   []useAliasAST
		ifaces []*interfaceAST
		worlds []*worldAST
	}
	// packageAST is a package with all of its files.
	packageAST struct {
		id    packageID
		files []*fileAST
	}
	packageID struct{ ns, name, version string }

	// pathAST names an interface or world: "streams" or "wasi:io/streams@0.2.0".
	pathAST struct {
		pos  pos
		pkg  packageID // zero for a name of this package
		name string
	}
	// useAliasAST is "use path as name;" at the top of a file.
	useAliasAST struct {
		path pathAST
		name string
	}
	interfaceAST struct {
		pos  pos
		name string
		body bodyAST
	}
	// bodyAST is what stands between the braces of an interface, or the types of a world.
	bodyAST struct {
		uses  []useAST
		types []*typeDefAST
		funcs []*funcAST
	}
	// useAST is "use path.{a, b as c};".
	useAST struct {
		path  pathAST
		names []renameAST
	}
	renameAST struct {
		pos      pos
		name, as string
	}
	worldAST struct {
		pos      pos
		name     string
		body     bodyAST // its funcs are unused
		items    []*worldItemAST
		includes []includeAST
	}
	// worldItemAST is an import or export: exactly one of path, iface and fn is set.
	worldItemAST struct {
		pos    pos
		export bool
		name   string // of iface and fn
		path   *pathAST
		iface  *bodyAST
		fn     *funcAST
	}
	includeAST struct {
		path  pathAST
		names []renameAST
	}

	typeDefAST struct {
		pos      pos
		name     string
		kind     Kind       // Record, Variant, Enum, Flags; with resource or alias set it has no meaning
		fields   []fieldAST // fields, cases, labels
		alias    *typeAST   // "type a = b"
		resource bool       // "resource r"
		methods  []*funcAST // of a resource
	}
	fieldAST struct {
		pos  pos
		name string
		typ  *typeAST // nil without payload
	}
	funcAST struct {
		pos    pos
		name   string // "" for a constructor
		kind   funcKind
		params []fieldAST
		result *typeAST
		async  bool
	}
	// typeAST is a type expression: a built-in kind with its arguments, or a name.
	typeAST struct {
		pos  pos
		kind Kind
		name string     // set: a reference to a declared type; for Own and Borrow the resource
		args []*typeAST // element; tuple elements; ok and error, either may be nil
		len  uint32
	}
)

type funcKind uint8

const (
	freeFunc funcKind = iota
	methodFunc
	staticFunc
	constructorFunc
)

// String gives "ns:name@version".
func (p packageID) String() string {
	s := p.ns + ":" + p.name
	if p.version != "" {
		s += "@" + p.version
	}
	return s
}

// join gives the full name of an interface or world of the package.
func (p packageID) join(name string) string {
	s := p.ns + ":" + p.name + "/" + name
	if p.version != "" {
		s += "@" + p.version
	}
	return s
}

// String gives the path as it was written.
func (p pathAST) String() string {
	if p.pkg == (packageID{}) {
		return p.name
	}
	return p.pkg.join(p.name)
}
