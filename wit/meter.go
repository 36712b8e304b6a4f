package wit

import "fmt"

// Bounds of a type. Types share parts, so a short text or binary could describe a value type whose tree is exponentially large; whoever
// walks types (layout, JSON, checks) relies on these bounds.
const (
	MaxTypeDepth = 100    // types inside types
	MaxTypeSize  = 100000 // types in the tree, each counted as often as it occurs; a list of fixed length counts its elements
	MaxFlags     = 32     // labels of a flags type (CanonicalABI.md)
)

// Meter measures types while they are built, children before parents. The zero Meter is ready to use.
type Meter struct{ seen map[*Type]weight }

type weight struct{ depth, size uint64 }

// Add checks a type whose parts were added before (parts that were not count as one). It refuses a type beyond MaxTypeDepth or
// MaxTypeSize and one that no value can have or no ABI can pass: an enum without labels, flags without labels or more than MaxFlags.
func (m *Meter) Add(t *Type) error {
	if err := t.checkForm(); err != nil {
		return err
	}
	w := weight{size: 1}
	for _, f := range t.Fields {
		m.join(&w, f.Type)
	}
	for _, part := range []*Type{t.Elem, t.OK, t.Err} {
		m.join(&w, part)
	}
	w.depth++
	if t.Len > 0 {
		w.size *= uint64(t.Len)
	}
	if w.depth > MaxTypeDepth || w.size > MaxTypeSize {
		return fmt.Errorf("type is too large: %d deep with %d parts; at most %d and %d", w.depth, w.size, MaxTypeDepth, MaxTypeSize)
	}
	if m.seen == nil {
		m.seen = map[*Type]weight{}
	}
	m.seen[t] = w
	return nil
}

func (m *Meter) join(w *weight, part *Type) {
	if part == nil {
		return
	}
	p, ok := m.seen[part]
	if !ok {
		p = weight{1, 1}
	}
	w.depth = max(w.depth, p.depth)
	w.size += p.size
}

// checkForm refuses compound types without parts, and too many flags.
func (t *Type) checkForm() error {
	switch t.Kind {
	case Record, Tuple, Variant, Enum, Flags:
		if len(t.Fields) == 0 {
			return fmt.Errorf("%s needs at least one member", t.Kind)
		}
	}
	if t.Kind == Flags && len(t.Fields) > MaxFlags {
		return fmt.Errorf("flags have at most %d labels, not %d", MaxFlags, len(t.Fields))
	}
	return nil
}
