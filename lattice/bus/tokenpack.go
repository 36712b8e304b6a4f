package bus

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"io"
	"regexp"
	"strings"

	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice"
)

// A token's body is DEFLATE (RFC 1951) with a preset dictionary of
//
//	u16 n, n bytes   payload of the JWT, its keys squeezed (below)
//	64 bytes         signature of the JWT
//	32 bytes         seed of the user's key
//	32 bytes         pin
//	the rest         addresses of the hubs, joined by commas
//
// The header of the JWT is always jwtHeader. In the payload, runs of base32 (keys and the JWT's id) are bytes: 1 and 33 bytes
// for an nkey, whose checksum is left out; 2 and 32 bytes for a hash.
const (
	jwtHeader   = `{"typ":"JWT","alg":"ed25519-nkey"}`
	squeezedKey = 1
	squeezedID  = 2
	keyLen      = 33
	hashLen     = 32
	sigLen      = 64
	seedLen     = 32
	// maxUnpacked bounds what a token may inflate to.
	maxUnpacked = 8 << 10
)

func tokenDictionary() []byte {
	return []byte(`"label:"label:zone=tls://192.168.,wss://"exp":17"jti":"` + `","iat":17,"iss":"` + `","name":"` + `","sub":"` +
		`","nats":{"tags":["until:17"],"issuer_account":"` + `","type":"user","version":2}}`)
}

func packToken(t *Token) []byte {
	parts := strings.Split(t.User.JWT, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1]) // newToken has read it
	sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
	seed, _ := t.User.key.Seed()
	_, raw, _ := nkeys.DecodeSeed(seed)
	squeezed := squeeze(payload)

	b := binary.BigEndian.AppendUint16(nil, uint16(len(squeezed)))
	for _, part := range [][]byte{squeezed, sig, raw, t.Pin[:], []byte(strings.Join(t.Hubs, ","))} {
		b = append(b, part...)
	}
	var out bytes.Buffer
	w, _ := flate.NewWriterDict(&out, flate.BestCompression, tokenDictionary()) // fails for unknown levels only
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func unpackToken(body []byte) (*Token, error) {
	bad := &lattice.Error{Kind: lattice.ErrInvalid, Msg: "this join token makes no sense",
		Hint: "it may be of another version of wattle"}
	r := flate.NewReaderDict(bytes.NewReader(body), tokenDictionary())
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err != nil || len(b) > maxUnpacked || len(b) < 2 {
		return nil, bad
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) < n+sigLen+seedLen+len(Pin{}) {
		return nil, bad
	}
	payload, ok := expand(b[:n])
	if !ok {
		return nil, bad
	}
	sig, b := b[n:n+sigLen], b[n+sigLen:]
	kp, err := nkeys.FromRawSeed(nkeys.PrefixByteUser, b[:seedLen])
	if err != nil {
		return nil, bad
	}
	e := base64.RawURLEncoding.EncodeToString
	u, err := newUser(kp, e([]byte(jwtHeader))+"."+e(payload)+"."+e(sig))
	if err != nil {
		return nil, bad
	}
	var pin Pin
	hubs := b[seedLen+copy(pin[:], b[seedLen:]):]
	return newToken(u, strings.Split(string(hubs), ","), pin)
}

func squeeze(s []byte) []byte {
	return regexp.MustCompile(`[A-Z2-7]{56}|[A-Z2-7]{52}`).ReplaceAllFunc(s, func(run []byte) []byte {
		raw, err := base32Form.DecodeString(string(run))
		if err != nil || base32Form.EncodeToString(raw) != string(run) {
			return run
		}
		if len(raw) == hashLen {
			return append([]byte{squeezedID}, raw...)
		}
		key := raw[:keyLen]
		if string(appendCRC(key)) != string(raw) {
			return run
		}
		return append([]byte{squeezedKey}, key...)
	})
}

func expand(s []byte) ([]byte, bool) {
	var out []byte
	for len(s) > 0 {
		var n int
		switch s[0] {
		case squeezedKey:
			n = keyLen
		case squeezedID:
			n = hashLen
		default:
			out, s = append(out, s[0]), s[1:]
			continue
		}
		if len(s) < 1+n {
			return nil, false
		}
		raw := s[1 : 1+n]
		if s[0] == squeezedKey {
			raw = appendCRC(raw)
		}
		out, s = append(out, base32Form.EncodeToString(raw)...), s[1+n:]
	}
	return out, true
}

// appendCRC adds the checksum of an nkey: CRC-16/XMODEM, little-endian.
func appendCRC(key []byte) []byte {
	crc := uint16(0)
	for _, b := range key {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return binary.LittleEndian.AppendUint16(append([]byte(nil), key...), crc)
}
