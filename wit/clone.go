package wit

// cloner copies interfaces, replacing resources. Types that do not change are shared with the original.
type cloner struct {
	res    map[*Resource]*Resource
	types  map[*Type]*Type
	rename map[string]string // new names of interfaces
}

func newCloner() *cloner { return &cloner{res: map[*Resource]*Resource{}, types: map[*Type]*Type{}} }

// fresh gives an interface resources of its own.
func (c *cloner) fresh(i *Interface) {
	for _, r := range i.Resources {
		c.res[r] = &Resource{r.Interface, r.Name}
	}
}

func (c *cloner) iface(i *Interface) *Interface {
	if c.rename[i.Name] != "" {
		for _, r := range i.Resources {
			c.res[r] = &Resource{c.name(r.Interface), r.Name}
		}
	}
	out := &Interface{Name: c.name(i.Name)}
	same := out.Name == i.Name
	for _, t := range i.Types {
		n := c.typ(t)
		same = same && n == t
		out.Types = append(out.Types, n)
	}
	for _, r := range i.Resources {
		n := c.resource(r)
		same = same && n == r
		out.Resources = append(out.Resources, n)
	}
	for _, f := range i.Funcs {
		n := c.function(f.Type)
		same = same && n == f.Type
		out.Funcs = append(out.Funcs, Func{f.Name, n})
	}
	if same {
		return i
	}
	return out
}

func (c *cloner) name(n string) string {
	if to := c.rename[n]; to != "" {
		return to
	}
	return n
}

func (c *cloner) resource(r *Resource) *Resource {
	if n := c.res[r]; n != nil {
		return n
	}
	return r
}

func (c *cloner) function(f *FuncType) *FuncType {
	out := &FuncType{Params: c.fields(f.Params), Result: c.typ(f.Result), Async: f.Async}
	if same(out.Params, f.Params) && out.Result == f.Result {
		return f
	}
	return out
}

func (c *cloner) fields(fs []Field) []Field {
	out := make([]Field, len(fs))
	for i, f := range fs {
		out[i] = Field{f.Name, c.typ(f.Type)}
	}
	if same(out, fs) {
		return fs
	}
	return out
}

func same(a, b []Field) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (c *cloner) typ(t *Type) *Type {
	if t == nil {
		return nil
	}
	if n := c.types[t]; n != nil {
		return n
	}
	n := *t
	n.Owner, n.Fields, n.Elem, n.OK, n.Err = c.name(t.Owner), c.fields(t.Fields), c.typ(t.Elem), c.typ(t.OK), c.typ(t.Err)
	if t.Resource != nil {
		n.Resource = c.resource(t.Resource)
	}
	out := &n
	if n.Owner == t.Owner && same(n.Fields, t.Fields) && n.Elem == t.Elem && n.OK == t.OK && n.Err == t.Err && n.Resource == t.Resource {
		out = t
	}
	c.types[t] = out
	return out
}
