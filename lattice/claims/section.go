package claims

import (
	"slices"
)

// Section is the name of the custom sections that hold the tokens.
const Section = "wattle.sig"

// maxFraming bounds what a signature section has besides its token: id, length (at most 5 bytes), length of the name, name.
const maxFraming = 1 + 5 + 1 + len(Section)

// maxSections is far more than any tool writes, and keeps a file of nothing but empty sections from costing time.
const maxSections = 1 << 17

const rebuild = "build it again, or fetch it again if it was cut short"

// Split gives the original bytes and the tokens of a file, in order; no tokens if it is not signed. The original shares memory
// with the file. Signature sections count at the top level only, not in nested modules, and must be the last sections.
// Of the rest of the file only the framing is read.
//
// Errors: ErrTooLarge, ErrFormat (not wasm, or cut short), ErrPlace (a signature is followed by something else, or repeated).
func Split(file []byte) (original []byte, tokens []string, err error) {
	if err := checkHead(file); err != nil {
		return nil, nil, err
	}
	original = file
	for at, n := headLen, 0; at < len(file); n++ {
		if n == maxSections {
			return nil, nil, refuse(ErrTooLarge, "", "the file has more than %d sections", maxSections)
		}
		s, err := readSection(file, at)
		if err != nil {
			return nil, nil, err
		}
		if s.isSignature() {
			if tokens, err = addToken(tokens, s, at); err != nil {
				return nil, nil, err
			}
			original = original[:min(at, len(original))]
		} else if len(tokens) > 0 {
			return nil, nil, refuse(ErrPlace, "sign the unsigned file again",
				"something follows the signature: a section of type %d at byte %d, which nobody signed", s.id, at)
		}
		at = s.end
	}
	if len(original) > MaxModule {
		return nil, nil, tooLarge(len(original))
	}
	return original, tokens, nil
}

// Embed appends a token to a file. It copies the file and checks neither of the two.
func Embed(file []byte, token string) []byte {
	body := uint32(1 + len(Section) + len(token))
	out := make([]byte, 0, len(file)+maxFraming+len(token))
	out = append(out, file...)
	out = append(out, 0)
	out = appendUleb(out, body)
	out = append(out, byte(len(Section)))
	out = append(out, Section...)
	return append(out, token...)
}

// Strip gives the original bytes of a file, signed or not. They share memory with the file. Errors are those of Split.
func Strip(file []byte) ([]byte, error) {
	original, _, err := Split(file)
	return original, err
}

func addToken(tokens []string, s section, at int) ([]string, error) {
	token := s.payload
	switch {
	case !s.minimal:
		return nil, refuse(ErrPlace, "sign the unsigned file again",
			"the signature section at byte %d spells a length with more bytes than it needs", at)
	case len(token) > MaxToken:
		return nil, refuse(ErrTooLarge, "sign with fewer or smaller grants",
			"a signature of %d bytes is larger than %d", len(token), MaxToken)
	case len(tokens) == MaxSignatures:
		return nil, refuse(ErrTooLarge, "strip the file and sign it again", "the file has more than %d signatures", MaxSignatures)
	case slices.Contains(tokens, string(token)):
		return nil, refuse(ErrPlace, "remove one of them", "the same signature is there twice, the second time at byte %d", at)
	}
	return append(tokens, string(token)), nil
}

const headLen = 8 // magic, then version and layer

// The formats of a file: the layer in its head tells.
const (
	FormatModule    = "module"
	FormatComponent = "component"
)

// format is the format that the head of a file names, or "".
func format(file []byte) string {
	if len(file) < headLen || string(file[:4]) != "\x00asm" {
		return ""
	}
	switch string(file[4:headLen]) {
	case "\x01\x00\x00\x00":
		return FormatModule
	case "\x0d\x00\x01\x00":
		return FormatComponent
	}
	return ""
}

func checkHead(file []byte) error {
	switch {
	case len(file) == 0:
		return refuse(ErrFormat, rebuild, "the file is empty")
	case len(file) > MaxFile:
		return tooLarge(len(file))
	case format(file) == "":
		return refuse(ErrFormat, "give a .wasm file that was built for this host",
			"this is no WebAssembly module or component: it starts with %s", quote(string(file[:min(headLen, len(file))])))
	}
	return nil
}

func tooLarge(size int) error {
	return refuse(ErrTooLarge, "build it smaller, for instance without debug information",
		"a file of %d bytes is larger than a module may be, which is %d MiB", size, MaxModule>>20)
}

// section is one top-level section of a wasm binary:
//
//	id:byte size:u32 contents             a custom section (id 0) has as contents:   length:u32 name payload
type section struct {
	id      byte
	name    []byte // of a custom section
	payload []byte // contents, without the name
	end     int    // offset in the file of what follows
	minimal bool   // all its lengths are spelt in as few bytes as possible
}

func (s section) isSignature() bool { return s.id == 0 && string(s.name) == Section }

// readSection reads the section that starts at an offset of the file.
func readSection(file []byte, at int) (section, error) {
	size, start, ok := uleb(file, at+1)
	if !ok || uint64(size) > uint64(len(file)-start) {
		return section{}, refuse(ErrFormat, rebuild, "the section at byte %d does not fit into the file, which has %d bytes", at, len(file))
	}
	s := section{id: file[at], end: start + int(size), minimal: start-at-1 == ulebLen(size)}
	s.payload = file[start:s.end]
	if s.id != 0 {
		return s, nil
	}
	length, nameAt, ok := uleb(s.payload, 0)
	if !ok || uint64(length) > uint64(len(s.payload)-nameAt) {
		return section{}, refuse(ErrFormat, rebuild, "the custom section at byte %d has a name longer than itself", at)
	}
	s.name = s.payload[nameAt : nameAt+int(length)]
	s.payload = s.payload[nameAt+int(length):]
	s.minimal = s.minimal && nameAt == ulebLen(length)
	return s, nil
}

// uleb reads an unsigned 32-bit LEB128 number (WebAssembly core specification, 5.2.2) and gives the offset of what follows.
func uleb(b []byte, at int) (v uint32, next int, ok bool) {
	for i := range 5 {
		if at+i >= len(b) {
			return 0, 0, false
		}
		c := b[at+i]
		if i == 4 && c > 0x0f { // more than 32 bits
			return 0, 0, false
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, at + i + 1, true
		}
	}
	return 0, 0, false
}

func appendUleb(b []byte, v uint32) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// ulebLen is the number of bytes that appendUleb appends.
func ulebLen(v uint32) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
