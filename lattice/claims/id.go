package claims

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"

	"github.com/nats-io/nkeys"
)

const keyLen = 56 // characters of a public key or id: base32 of a prefix byte, 32 bytes and a checksum of 2

const actorPrefix = 12 << 3 // base32 of it starts with "M"

// ActorID derives the id of an actor from the identity that it is signed for and its name, so there is no key of the module to
// keep or to lose, and nobody else can sign for the same id:
//
//	base32( 0x60 ‖ SHA-256("wattle-module-id\0" ‖ root ‖ "\0" ‖ name) ‖ CRC-16 )         56 characters, the first an M
func ActorID(root, name string) string {
	sum := sha256.Sum256([]byte("wattle-module-id\x00" + root + "\x00" + name))
	raw := append([]byte{actorPrefix}, sum[:]...)
	crc := crc16(raw)
	raw = append(raw, byte(crc), byte(crc>>8))
	return base32.StdEncoding.EncodeToString(raw) // 35 bytes: no padding
}

// Hash is the content address of a module: "sha256:" and 64 hex digits.
func Hash(original []byte) string {
	sum := sha256.Sum256(original)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// crc16 is CRC-16/XMODEM, the checksum of nkeys.
func crc16(b []byte) (crc uint16) {
	for _, x := range b {
		crc ^= uint16(x) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

// publicKey is the key that s spells, which must be an account key. 56 letters of base32 are 35 bytes without stray bits, and
// nkeys wants all of them, so a key has one spelling.
func publicKey(s string) (nkeys.KeyPair, bool) {
	if len(s) != keyLen {
		return nil, false
	}
	key, err := nkeys.FromPublicKey(s)
	if err != nil {
		return nil, false
	}
	raw, err := nkeys.Decode(nkeys.PrefixByteAccount, []byte(s))
	if err != nil || isSmallOrder(raw) {
		return nil, false
	}
	return key, true
}

// isSmallOrder reports whether an Ed25519 public key is a point of order 1, 2, 4 or 8. Nobody holds the private key of one: signatures
// that it "verifies" can be made up, and one signature fits many messages (Chalkias et al., "Taming the many EdDSAs", 2020).
func isSmallOrder(key []byte) bool {
	small := [...]string{ // y, little-endian; the sign of x is left out
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0100000000000000000000000000000000000000000000000000000000000000", // order 1
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p-1: order 2
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, another spelling of 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+1, another spelling of 1
	}
	if len(key) != 32 {
		return false
	}
	y := [32]byte(key)
	y[31] &= 0x7f
	hexY := hex.EncodeToString(y[:])
	for _, s := range small {
		if s == hexY {
			return true
		}
	}
	return false
}
