package component

import (
	"errors"
	"fmt"
)

// The kinds of errors of a plan.
var (
	ErrUnknownImport = errors.New("unknown import")     // no contract and no type section describes it
	ErrUnknownExport = errors.New("unknown export")     // the same for an export that looks like one of an interface
	ErrMissingExport = errors.New("missing export")     // the module's own world says that it exports this
	ErrSignature     = errors.New("wrong signature")    // the core function does not fit its WIT type
	ErrUnsupported   = errors.New("unsupported module") // valid, but this host cannot run it
	ErrImportType    = errors.New("import of another type")
)

// PlanError says which import or export of a module is wrong.
type PlanError struct {
	Kind error
	Name string // "module#name" of the import, or name of the export
	Msg  string // why, and what would help
	Err  error  // the cause, if any
}

// Error gives "component: kind name: msg".
func (e *PlanError) Error() string {
	s := "component: " + e.Kind.Error()
	if e.Name != "" {
		s += fmt.Sprintf(" %q", e.Name)
	}
	if e.Msg != "" {
		s += ": " + e.Msg
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes the kind and the cause matchable.
func (e *PlanError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
