package abi

import (
	"unicode/utf8"

	"github.com/wattle-io/wattle/wit"
)

// utf16Tag marks a UTF-16 string where a guest's strings may be Latin-1 or UTF-16.
const utf16Tag = 1 << 31

func (c *Context) liftString(p, n uint32) {
	switch {
	case c.Encoding == UTF8:
		c.liftUTF8(p, n)
	case c.Encoding == UTF16:
		c.liftUTF16(p, n)
	case n&utf16Tag != 0:
		c.liftUTF16(p, n&^utf16Tag)
	default:
		c.liftLatin1(p, n)
	}
}

func (c *Context) liftUTF8(p, n uint32) {
	if !c.check(p, uint64(n), 1, "string") {
		return
	}
	s := c.mem[p : uint64(p)+uint64(n)]
	if !utf8.Valid(s) {
		c.fail(ErrGuest, "string at %#x of %d bytes is not UTF-8", p, n)
	} else if c.room(uint64(n)) {
		c.enc.Bytes(s)
	}
}

func (c *Context) liftLatin1(p, n uint32) {
	if !c.check(p, uint64(n), 2, "string") {
		return
	}
	s := c.mem[p : uint64(p)+uint64(n)]
	size := len(s)
	for _, b := range s {
		size += int(b >> 7)
	}
	if !c.room(uint64(size)) {
		return
	}
	c.enc.Uint(uint64(size))
	for _, b := range s {
		c.enc.Char(rune(b))
	}
}

func (c *Context) liftUTF16(p, units uint32) {
	if !c.check(p, 2*uint64(units), 2, "string") {
		return
	}
	s := c.mem[p : uint64(p)+2*uint64(units)]
	size := 0
	for rest := s; len(rest) > 0; {
		r, n := decodeUTF16(rest)
		if n == 0 {
			c.fail(ErrGuest, "string at %#x of %d units has the lone surrogate %#x", p, units, r)
			return
		}
		size += utf8.RuneLen(r)
		rest = rest[n:]
	}
	if !c.room(uint64(size)) {
		return
	}
	c.enc.Uint(uint64(size))
	for len(s) > 0 {
		r, n := decodeUTF16(s)
		c.enc.Char(r)
		s = s[n:]
	}
}

// decodeUTF16 reads the first rune of b and its size in bytes, which is 0 for a lone surrogate.
func decodeUTF16(b []byte) (rune, int) {
	hi := rune(le.Uint16(b))
	if hi < 0xd800 || hi >= 0xe000 {
		return hi, 2
	}
	if hi >= 0xdc00 || len(b) < 4 {
		return hi, 0
	}
	lo := rune(le.Uint16(b[2:]))
	if lo < 0xdc00 || lo >= 0xe000 {
		return hi, 0
	}
	return (hi-0xd800)<<10 | (lo - 0xdc00) + 0x10000, 4
}

// lowerString writes the next string of d into a block of the guest.
func (c *Context) lowerString(d *wit.Decoder) (p, n uint32) {
	s := d.RawString()
	if d.Err() != nil {
		return 0, 0
	}
	if c.Encoding == UTF8 {
		p, ok := c.alloc(uint64(len(s)), 1)
		if ok {
			copy(c.mem[p:], s)
		}
		return p, uint32(len(s))
	}
	if c.Encoding == Latin1OrUTF16 {
		if chars, ok := latin1Len(s); ok {
			return c.lowerLatin1(s, chars)
		}
		p, n = c.lowerUTF16(s)
		return p, n | utf16Tag
	}
	return c.lowerUTF16(s)
}

// latin1Len is the number of characters of s if all of them are in Latin-1.
func latin1Len(s []byte) (n int, ok bool) {
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		if r > 0xff {
			return 0, false
		}
		n++
		s = s[size:]
	}
	return n, true
}

func (c *Context) lowerLatin1(s []byte, chars int) (p, n uint32) {
	p, ok := c.alloc(uint64(chars), 2)
	if !ok {
		return 0, 0
	}
	to := c.mem[p:]
	for i := 0; len(s) > 0; i++ {
		r, size := utf8.DecodeRune(s)
		to[i] = byte(r)
		s = s[size:]
	}
	return p, uint32(chars)
}

func (c *Context) lowerUTF16(s []byte) (p, units uint32) {
	for rest := s; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		units++
		if r > 0xffff {
			units++
		}
		rest = rest[size:]
	}
	if units >= utf16Tag {
		c.fail(ErrGuest, "string of %d code units is too long", units)
	}
	p, ok := c.alloc(2*uint64(units), 2)
	if !ok {
		return 0, 0
	}
	to := c.mem[p:]
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		if r > 0xffff {
			r -= 0x10000
			le.PutUint16(to, uint16(0xd800+r>>10))
			to = to[2:]
			r = 0xdc00 + r&0x3ff
		}
		le.PutUint16(to, uint16(r))
		to, s = to[2:], s[size:]
	}
	return p, units
}
