package host

import (
	"slices"
	"strings"
	"testing"
)

func TestAStreamIsCutIntoLinesHoweverItIsWritten(t *testing.T) {
	const text = "one\n\ntwo and more\nlast"
	for size := 1; size <= len(text); size++ {
		var got []string
		w := lineWriter{line: func(s string) { got = append(got, s) }}
		for part := range slices.Chunk([]byte(text), size) {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		w.flush()
		w.flush()
		if want := []string{"one", "", "two and more", "last"}; !slices.Equal(got, want) {
			t.Errorf("by %d bytes: %q", size, got)
		}
	}
}

func TestALineWithoutEndTakesBoundedMemory(t *testing.T) {
	var got []string
	w := lineWriter{line: func(s string) { got = append(got, s) }}
	for range 100 {
		w.Write([]byte(strings.Repeat("x", 10_000)))
	}
	if cap(w.buf) > 4*maxLine {
		t.Errorf("%d bytes are kept", cap(w.buf))
	}
	w.Write([]byte("\nnext\n"))
	if len(got) != 2 || len(got[0]) != maxLine || got[1] != "next" {
		t.Errorf("%d lines", len(got))
	}
}
