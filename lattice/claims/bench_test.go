package claims

import (
	"bytes"
	"testing"
	"time"
)

func BenchmarkVerify10MB(b *testing.B) {
	s := newSigner(b)
	file := s.sign(b, echo(), wasm(moduleHead, 10<<20))
	now := time.Now()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Verify(file, s.trust, now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHash10MB is the part of BenchmarkVerify10MB that nothing can save.
func BenchmarkHash10MB(b *testing.B) {
	file := wasm(moduleHead, 10<<20)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		Hash(file)
	}
}

func BenchmarkParse(b *testing.B) {
	s := newSigner(b)
	token := s.token(b, echo(), wasm(moduleHead, 5))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuseEmptySections is what finding the sections of a hostile file can cost at most.
func BenchmarkRefuseEmptySections(b *testing.B) {
	file := append([]byte(moduleHead), bytes.Repeat([]byte{0, 1, 0}, MaxModule/3)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Split(file); err == nil {
			b.Fatal("accepted")
		}
	}
}
