package component

import (
	"slices"

	"github.com/wattle-io/wattle/host/abi"
	"github.com/wattle-io/wattle/wit"
)

// exports plans the lifts, the destructors and the initializer.
func (b *moduleBuilder) exports() error {
	for _, e := range b.mod.Exports {
		if b.exported[e.Name] == nil {
			continue
		}
		if err := b.export(e.Name); err != nil {
			return err
		}
	}
	if b.exported[b.names.initialize] != nil {
		if err := b.checkSig(b.names.initialize, nil, nil); err != nil {
			return err
		}
		b.plan.Initialize = []int{b.plan.funcSlot(b.item(b.names.initialize))}
	}
	return b.missing()
}

func (b *moduleBuilder) export(core string) error {
	n, ok := b.names.export(core)
	if !ok || n.iface == "" {
		return b.rootExport(core)
	}
	if n.role == postReturn {
		return nil // found from its function
	}
	iface := b.lookup(b.declared.Exports, n.iface)
	if iface == nil {
		return unknownExport(core, "neither a contract nor the module's component-type section describes interface "+n.iface)
	}
	if n.role == destructor {
		return b.destructor(core, iface, n.name)
	}
	ft := iface.Func(n.name)
	if ft == nil {
		return unknownExport(core, "interface "+iface.Name+" has no function "+n.name)
	}
	if !slices.Contains(b.plan.World.Exports, iface) {
		b.plan.World.Exports = append(b.plan.World.Exports, iface)
	}
	return b.lift(core, Export{Interface: iface.Name, Name: n.name, Type: ft})
}

func unknownExport(name, why string) error {
	return &PlanError{Kind: ErrUnknownExport, Name: name, Msg: why}
}

// rootExport plans a function of the world itself, if it is one: other exports are the module's own business.
func (b *moduleBuilder) rootExport(core string) error {
	for _, f := range b.declared.ExportFuncs {
		if b.names.root(f.Name) == core {
			b.plan.World.ExportFuncs = append(b.plan.World.ExportFuncs, f)
			return b.lift(core, Export{Name: f.Name, Type: f.Type})
		}
	}
	return nil
}

func (b *moduleBuilder) lift(core string, e Export) error {
	layout, err := b.exportTypes.Func(e.Type)
	if err != nil {
		return &PlanError{Kind: ErrUnsupported, Name: core, Err: err}
	}
	params, results := layout.Lifted()
	if err := b.checkSig(core, params, results); err != nil {
		return err
	}
	memory, realloc := layout.LiftNeeds()
	o, err := b.options(core, memory, realloc)
	if err != nil {
		return err
	}
	if post := b.names.postReturn(core); b.exported[post] != nil {
		if err := b.checkSig(post, results, nil); err != nil {
			return err
		}
		o.PostReturn = b.plan.funcSlot(b.item(post))
	}
	e.Lift = len(b.plan.Lifts)
	b.plan.Lifts = append(b.plan.Lifts, Lift{Func: b.plan.funcSlot(b.item(core)), Type: layout, Options: o})
	b.plan.Exports = append(b.plan.Exports, e)
	return nil
}

func (b *moduleBuilder) destructor(core string, iface *wit.Interface, name string) error {
	r := iface.Resource(name)
	if r == nil {
		return unknownExport(core, "interface "+iface.Name+" has no resource "+name)
	}
	if err := b.checkSig(core, []byte{abi.I32}, nil); err != nil {
		return err
	}
	n := b.resource(r.Interface, r.Name, true)
	b.plan.Resources[n].Destructor = b.plan.funcSlot(b.item(core))
	return nil
}

// missing reports a function that the module's own world promises and the module lacks.
func (b *moduleBuilder) missing() error {
	has := func(iface, name string) bool {
		return slices.ContainsFunc(b.plan.Exports, func(e Export) bool { return e.Interface == iface && e.Name == name })
	}
	for _, i := range b.declared.Exports {
		for _, f := range i.Funcs {
			if !has(i.Name, f.Name) {
				return &PlanError{Kind: ErrMissingExport, Name: wit.CanonicalName(i.Name, f.Name), Msg: "the module's component-type section promises it"}
			}
		}
	}
	for _, f := range b.declared.ExportFuncs {
		if !has("", f.Name) {
			return &PlanError{Kind: ErrMissingExport, Name: f.Name, Msg: "the module's component-type section promises it"}
		}
	}
	return nil
}
