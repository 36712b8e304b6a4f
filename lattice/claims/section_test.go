package claims

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestSplitGivesBackOriginalAndTokens(t *testing.T) {
	for _, head := range []string{moduleHead, componentHead} {
		original := wasm(head, 300)
		file := Embed(Embed(original, "one"), strings.Repeat("2", MaxToken))
		got, tokens, err := Split(file)
		if err != nil || !bytes.Equal(got, original) {
			t.Fatalf("Split: %v, original intact: %v", err, bytes.Equal(got, original))
		}
		if len(tokens) != 2 || tokens[0] != "one" || len(tokens[1]) != MaxToken {
			t.Errorf("got %d tokens", len(tokens))
		}
		if stripped, err := Strip(file); err != nil || !bytes.Equal(stripped, original) {
			t.Errorf("Strip: %v", err)
		}
		if _, tokens, err := Split(original); err != nil || len(tokens) != 0 {
			t.Errorf("unsigned: %d tokens, %v", len(tokens), err)
		}
	}
}

func TestEmbedLeavesTheFileAlone(t *testing.T) {
	room := make([]byte, 0, 1000)
	file := append(room, wasm(moduleHead, 10)...)
	after := file[:cap(file)][len(file):]
	Embed(file, "token")
	if !bytes.Equal(after, make([]byte, len(after))) {
		t.Error("Embed wrote behind the file that it was given")
	}
}

func TestSignaturesCountOnlyAtTheTopLevel(t *testing.T) {
	inner := Embed(wasm(moduleHead, 5), "inner token")
	nested := append([]byte{1}, append(appendUleb(nil, uint32(len(inner))), inner...)...) // section 1 of a component: a core module
	component := append([]byte(componentHead), nested...)
	hidden := append([]byte(moduleHead), custom("data", string(Embed(nil, "hidden token")))...)
	for name, file := range map[string][]byte{"nested module": component, "contents of a custom section": hidden} {
		original, tokens, err := Split(file)
		if err != nil || len(tokens) != 0 || !bytes.Equal(original, file) {
			t.Errorf("%s: %d tokens, %v", name, len(tokens), err)
		}
	}
}

func TestSplitAcceptsPaddedLengthsOutsideSignatures(t *testing.T) {
	padded := append([]byte(moduleHead), 0, 0x83, 0x80, 0x80, 0x80, 0x00, 1, 'x', 'y') // as some tools write them
	if _, tokens, err := Split(Embed(padded, "t")); err != nil || len(tokens) != 1 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
}

func TestSplitRefuses(t *testing.T) {
	file := Embed(wasm(moduleHead, 20), "token")
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	paddedSize := join([]byte(moduleHead), []byte{0, 0x8d, 0x00, 10}, []byte(Section), []byte("to"))
	paddedName := join([]byte(moduleHead), []byte{0, 0x0d, 0x8a, 0x00}, []byte(Section), []byte("t"))
	nine := wasm(moduleHead, 1)
	for i := range MaxSignatures + 1 {
		nine = Embed(nine, fmt.Sprint(i))
	}
	for name, test := range map[string]struct {
		file []byte
		kind error
	}{
		"nothing":                                {nil, ErrFormat},
		"junk":                                   {[]byte("\x7fELF junk and more junk"), ErrFormat},
		"half a head":                            {[]byte(moduleHead[:5]), ErrFormat},
		"unknown version":                        {[]byte("\x00asm\x02\x00\x00\x00"), ErrFormat},
		"section longer than the file":           {join(file, []byte{1, 5, 0}), ErrFormat},
		"section of 4 GiB":                       {join([]byte(moduleHead), []byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f}), ErrFormat},
		"length of more than 32 bits":            {join([]byte(moduleHead), []byte{1, 0x80, 0x80, 0x80, 0x80, 0x10}), ErrFormat},
		"length without end":                     {join([]byte(moduleHead), []byte{1, 0x80}), ErrFormat},
		"section id alone":                       {join([]byte(moduleHead), []byte{1}), ErrFormat},
		"custom section without name":            {join([]byte(moduleHead), []byte{0, 0}), ErrFormat},
		"name longer than its section":           {join([]byte(moduleHead), []byte{0, 2, 9, 'x'}), ErrFormat},
		"section after the signature":            {join(file, []byte{1, 1, 0}), ErrPlace},
		"custom section after the signature":     {join(file, custom("x", "y")), ErrPlace},
		"signature moved to the front":           {join([]byte(moduleHead), custom(Section, "token"), wasm(moduleHead, 20)[headLen:]), ErrPlace},
		"signature between sections":             {join(file, wasm(moduleHead, 20)[headLen:], custom(Section, "token")), ErrPlace},
		"same signature twice":                   {Embed(file, "token"), ErrPlace},
		"padded length of a signature section":   {paddedSize, ErrPlace},
		"padded length of a signature's name":    {paddedName, ErrPlace},
		"nine signatures":                        {nine, ErrTooLarge},
		"huge token":                             {Embed(wasm(moduleHead, 1), strings.Repeat("x", MaxToken+1)), ErrTooLarge},
		"token of 8 MiB":                         {Embed(wasm(moduleHead, 1), strings.Repeat("x", 8<<20)), ErrTooLarge},
		"more empty sections than anybody needs": {join([]byte(moduleHead), bytes.Repeat([]byte{1, 0}, maxSections+1)), ErrTooLarge},
		"module larger than allowed":             {wasm(moduleHead, MaxModule), ErrTooLarge},
		"junk larger than any file":              {make([]byte, MaxFile+1), ErrTooLarge},
		"file larger than any signed one":        {wasm(moduleHead, MaxFile), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			original, tokens, err := Split(test.file)
			wantKind(t, err, test.kind)
			if original != nil || tokens != nil {
				t.Error("Split gave something besides the error")
			}
		})
	}
}
