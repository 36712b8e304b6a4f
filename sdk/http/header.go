package http

import (
	"iter"
	"strings"
)

// Header is an ordered list of header fields. Names compare without regard to case. A nil or zero Header is empty; the zero
// one is ready to use.
type Header struct {
	fields []field
	host   host // of a request: asked the first time that someone looks; then nil
}

type field struct{ name, value string }

// host tells about a request what not every handler wants to know.
type host interface {
	headers() []field
	authority() string
}

func (h *Header) all() []field {
	if h == nil {
		return nil
	}
	if host := h.host; host != nil {
		h.host = nil
		h.fields = host.headers()
	}
	return h.fields
}

// Get is the first value of that name, or "".
func (h *Header) Get(name string) string {
	for _, f := range h.all() {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// Values are all values of that name, in order.
func (h *Header) Values(name string) []string {
	var vs []string
	for _, f := range h.all() {
		if strings.EqualFold(f.name, name) {
			vs = append(vs, f.value)
		}
	}
	return vs
}

// Has reports whether there is a field of that name.
func (h *Header) Has(name string) bool {
	for _, f := range h.all() {
		if strings.EqualFold(f.name, name) {
			return true
		}
	}
	return false
}

// Add appends a field.
func (h *Header) Add(name, value string) { h.fields = append(h.all(), field{name, value}) }

// Set replaces all fields of that name by one.
func (h *Header) Set(name, value string) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes all fields of that name.
func (h *Header) Del(name string) {
	kept := h.all()[:0]
	for _, f := range h.fields {
		if !strings.EqualFold(f.name, name) {
			kept = append(kept, f)
		}
	}
	h.fields = kept
}

// All yields every field, name and value, in order.
func (h *Header) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, f := range h.all() {
			if !yield(f.name, f.value) {
				return
			}
		}
	}
}

// Len is the number of fields.
func (h *Header) Len() int { return len(h.all()) }
