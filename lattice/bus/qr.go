package bus

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// QR is the token as a QR code of half-height blocks, one string a line of a terminal that shows light text on dark ground: about
// 80 columns and 40 lines. What it holds ParseToken reads.
func (t *Token) QR() ([]string, error) {
	code, err := qr.Encode(tokenPrefixQR+base32Form.EncodeToString(t.bytes()), qr.L)
	if err != nil {
		return nil, fmt.Errorf("bus: token as QR code: %w", err)
	}
	const quiet = 2 // modules around it; readers do with fewer than the standard's four
	var lines []string
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var line strings.Builder
		for x := -quiet; x < code.Size+quiet; x++ {
			line.WriteString(block(!code.Black(x, y), y+1 < code.Size+quiet && !code.Black(x, y+1)))
		}
		lines = append(lines, line.String())
	}
	return lines, nil
}

// block is two modules, one above the other.
func block(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}
