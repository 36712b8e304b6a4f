package wasi

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/wattle-io/wattle/wit"
)

// HeaderField is one field of a header or trailer. Names compare without regard to case. Neither the name nor the value's
// bytes may be changed once given to this package or got from it.
type HeaderField struct {
	Name  string
	Value []byte
}

const (
	// maxFields and maxFieldBytes bound what a guest puts into one fields resource: entries, and bytes of names and values.
	maxFields     = 1024
	maxFieldBytes = 128 << 10
)

// headerError is the variant header-error.
type headerError uint8

const (
	invalidSyntax headerError = iota
	forbidden
	immutable
	valid   // none of them
	tooMuch // more than a fields resource holds: a trap
)

// fields is the wasi:http/types resource. The list of immutable fields may be shared; entries are never changed in place.
type fields struct {
	list      []HeaderField
	immutable bool
	parent    *children // whose child these are, until the guest drops them or gives them away
}

// children counts the open child handles of a resource.
type children struct{ open int }

// check is the trap for dropping the resource too early.
func (n *children) check(resource string) error {
	if n.open > 0 {
		return trapf("%s dropped or given away with %d of its child resources open; drop those first", resource, n.open)
	}
	return nil
}

// child makes the handle of an immutable view of list.
func (n *children) child(list []HeaderField) *fields {
	n.open++
	return &fields{list: list, immutable: true, parent: n}
}

// Drop implements wit.Dropper.
func (f *fields) Drop() {
	if f.parent != nil {
		f.parent.open--
		f.parent = nil
	}
}

// give takes the list out of a handle that the guest gave away.
func (f *fields) give() []HeaderField {
	f.Drop()
	return f.list
}

// headerSize is the bytes of names and values.
func headerSize(list []HeaderField) (n int) {
	for i := range list {
		n += len(list[i].Name) + len(list[i].Value)
	}
	return n
}

// lookup is the value of the first field of that name.
func lookup(list []HeaderField, name string) ([]byte, bool) {
	for i := range list {
		if strings.EqualFold(list[i].Name, name) {
			return list[i].Value, true
		}
	}
	return nil, false
}

// contentLength is the declared length of a message's body, -1 for none. ok is false if it is declared, but not by one number.
func contentLength(list []HeaderField) (length int64, ok bool) {
	length = -1
	for i := range list {
		if !strings.EqualFold(list[i].Name, "content-length") {
			continue
		}
		n, err := strconv.ParseUint(string(list[i].Value), 10, 63)
		if err != nil || length >= 0 {
			return -1, false
		}
		length = int64(n)
	}
	return length, true
}

// check says whether a guest may add the field.
func (f *fields) check(name string, value []byte) headerError {
	switch e := f.checkName(name); {
	case e != valid:
		return e
	case !isFieldValue(value):
		return invalidSyntax
	case len(f.list) >= maxFields || headerSize(f.list)+len(name)+len(value) > maxFieldBytes:
		return tooMuch
	}
	return valid
}

// add appends a field with a copy of value. What a content-length holds the body to must be clear: there is one, a number.
func (f *fields) add(name string, value []byte) headerError {
	if e := f.check(name, value); e != valid {
		return e
	}
	f.list = append(f.list, HeaderField{Name: name, Value: slices.Clone(value)})
	if strings.EqualFold(name, "content-length") {
		if _, ok := contentLength(f.list); !ok {
			f.list = f.list[:len(f.list)-1]
			return invalidSyntax
		}
	}
	return valid
}

func (f *fields) remove(name string) {
	f.list = slices.DeleteFunc(f.list, func(h HeaderField) bool { return strings.EqualFold(h.Name, name) })
}

// admissible is a header as a guest may see it: without the connection's own fields, and with names that are names. It
// copies only if there are others.
func admissible(list []HeaderField) []HeaderField {
	bad := func(h HeaderField) bool { return isForbidden(h.Name) || !isToken(h.Name) }
	if !slices.ContainsFunc(list, bad) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), bad)
}

func fieldsImports() wit.Imports {
	return imports("wasi:http/types@0.2.0", map[string]wit.HostFunc{
		"[constructor]fields":      plain(func(c *wit.Call) { c.Give(&fields{}) }),
		"[static]fields.from-list": fieldsFromList,
		"[method]fields.get":       fieldsGet,
		"[method]fields.has":       fieldsHas,
		"[method]fields.set":       fieldsSet,
		"[method]fields.delete":    fieldsDelete,
		"[method]fields.append":    fieldsAppend,
		"[method]fields.entries":   fieldsEntries,
		"[method]fields.clone":     fieldsClone,
	})
}

// headerResult appends result<_, header-error>.
func headerResult(c *wit.Call, e headerError) error {
	switch e {
	case valid:
		c.Result.OK()
	case tooMuch:
		return trapf("more than %d fields or %d bytes in one fields resource", maxFields, maxFieldBytes)
	default:
		c.Result.Err()
		c.Result.Uint(uint64(e))
	}
	return nil
}

func fieldsFromList(_ context.Context, c *wit.Call) error {
	f, e := &fields{}, valid
	n := c.Args.U32()
	if n > maxFields {
		return trapf("fields.from-list of %d entries; at most %d are allowed", n, maxFields)
	}
	f.list = make([]HeaderField, 0, min(int(n), c.Args.Len()/2)) // an entry has at least two bytes
	for ; n > 0 && e == valid; n-- {
		name := fieldName(c.Args.RawString())
		e = f.add(name, c.Args.Bytes())
		if err := c.Args.Err(); err != nil {
			return err
		}
	}
	if e != valid {
		return headerResult(c, e)
	}
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.OK()
	c.Give(f)
	return nil
}

// fieldName makes a string of a name, without allocating for the most frequent ones.
func fieldName(b []byte) string {
	switch string(b) {
	case "content-type":
		return "content-type"
	case "Content-Type":
		return "Content-Type"
	case "content-length":
		return "content-length"
	case "Content-Length":
		return "Content-Length"
	case "cache-control":
		return "cache-control"
	case "location":
		return "location"
	}
	return string(b)
}

func fieldsGet(_ context.Context, c *wit.Call) error {
	f, name := wit.HandleOf[*fields](c), c.Args.String()
	if err := c.Args.Close(); err != nil {
		return err
	}
	n := 0
	for i := range f.list {
		if strings.EqualFold(f.list[i].Name, name) {
			n++
		}
	}
	c.Result.Uint(uint64(n))
	for i := range f.list {
		if strings.EqualFold(f.list[i].Name, name) {
			c.Result.Bytes(f.list[i].Value)
		}
	}
	return nil
}

func fieldsHas(_ context.Context, c *wit.Call) error {
	f, name := wit.HandleOf[*fields](c), c.Args.String()
	if err := c.Args.Close(); err != nil {
		return err
	}
	_, ok := lookup(f.list, name)
	c.Result.Bool(ok)
	return nil
}

// fieldsSet replaces all values of a name, or, if one of them is refused, none.
func fieldsSet(_ context.Context, c *wit.Call) error {
	f, name, n := wit.HandleOf[*fields](c), fieldName(c.Args.RawString()), c.Args.U32()
	if n > maxFields {
		return trapf("fields.set of %d values; at most %d are allowed", n, maxFields)
	}
	values := make([][]byte, n)
	for i := range values {
		values[i] = c.Args.Bytes()
	}
	if err := c.Args.Close(); err != nil {
		return err
	}
	return headerResult(c, f.set(name, values))
}

func (f *fields) set(name string, values [][]byte) headerError {
	if e := f.checkName(name); e != valid {
		return e
	}
	before := slices.Clone(f.list)
	f.remove(name)
	for _, v := range values {
		if e := f.add(name, v); e != valid {
			f.list = before
			return e
		}
	}
	return valid
}

// checkName says whether a guest may change the fields of that name.
func (f *fields) checkName(name string) headerError {
	switch {
	case f.immutable:
		return immutable
	case !isToken(name):
		return invalidSyntax
	case isForbidden(name):
		return forbidden
	}
	return valid
}

func fieldsDelete(_ context.Context, c *wit.Call) error {
	f, name := wit.HandleOf[*fields](c), c.Args.String()
	if err := c.Args.Close(); err != nil {
		return err
	}
	e := f.checkName(name)
	if e == valid {
		f.remove(name)
	}
	return headerResult(c, e)
}

func fieldsAppend(_ context.Context, c *wit.Call) error {
	f, name, value := wit.HandleOf[*fields](c), c.Args.RawString(), c.Args.Bytes()
	if err := c.Args.Close(); err != nil {
		return err
	}
	return headerResult(c, f.add(fieldName(name), value))
}

func fieldsEntries(_ context.Context, c *wit.Call) error {
	f := wit.HandleOf[*fields](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Result.Uint(uint64(len(f.list)))
	for i := range f.list {
		c.Result.String(f.list[i].Name)
		c.Result.Bytes(f.list[i].Value)
	}
	return nil
}

func fieldsClone(_ context.Context, c *wit.Call) error {
	f := wit.HandleOf[*fields](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	c.Give(&fields{list: slices.Clone(f.list)})
	return nil
}
