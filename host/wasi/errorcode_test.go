package wasi

import (
	"strings"
	"testing"

	"github.com/wattle-io/wattle/wit"
)

func TestErrorCodesAreTheContractsCases(t *testing.T) {
	iface, _ := wit.Contracts().Interface("wasi:http/types")
	for _, typ := range iface.Types {
		if typ.Name != "error-code" {
			continue
		}
		if len(typ.Fields) != len(codes) {
			t.Fatalf("%d cases, want %d", len(codes), len(typ.Fields))
		}
		for i, f := range typ.Fields {
			if !strings.EqualFold(Code(i).String(), f.Name) || (f.Type == nil) != (codes[i].payload == noPayload) {
				t.Errorf("case %d is %s, want %s", i, Code(i), f.Name)
			}
			for _, e := range []ErrorCode{{}, {Text: "text"}, {Size: 200, HasSize: true}, {Text: "t", Size: 1<<64 - 1, HasSize: true}} {
				e.Code = Code(i)
				roundTrip(t, typ, e)
			}
		}
	}
}

// roundTrip checks that what encode writes is a value of the type, and that decode reads it back as far as the case has it.
func roundTrip(t *testing.T, typ *wit.Type, e ErrorCode) {
	t.Helper()
	var enc wit.Encoder
	e.encode(&enc)
	d := wit.Decoder{Buf: enc.Buf}
	if wit.Check(typ, &d); d.Close() != nil {
		t.Fatalf("%v: % x: %v", e, enc.Buf, d.Err())
	}
	d.Reset(enc.Buf)
	got := decodeErrorCode(&d)
	if d.Close() != nil {
		t.Fatalf("%v: % x: %v", e, enc.Buf, d.Err())
	}
	var again wit.Encoder
	got.encode(&again)
	if string(again.Buf) != string(enc.Buf) || got.Code != e.Code {
		t.Fatalf("%v became %v", e, got)
	}
	if codes[e.Code].payload == textPayload && got.Text != e.Text || codes[e.Code].payload == u64Payload && got.Size != e.Size {
		t.Fatalf("%v became %v", e, got)
	}
}

func TestErrorCodeSaysItsCaseAndPayload(t *testing.T) {
	same(t, "error", sized(HTTPResponseBodySize, 3).Error(), "wasi:http error-code HTTP-response-body-size (3)")
	same(t, "error", ErrorCode{Code: InternalError, Text: "oops"}.Error(), "wasi:http error-code internal-error: oops")
	same(t, "unknown", Code(200).String(), "error-code(200)")
}

func TestErrorCodesHaveStatuses(t *testing.T) {
	for c, want := range map[Code]int{HTTPRequestDenied: 403, HTTPRequestURITooLong: 414, HTTPResponseTimeout: 504, DNSError: 502, InternalError: 500,
		HTTPRequestHeaderSize: 431, LoopDetected: 508, HTTPRequestBodySize: 413, ConnectionLimitReached: 503} {
		if got := c.Status(); got != want {
			t.Errorf("%v: %d, want %d", c, got, want)
		}
	}
	for i := range codes {
		if s := Code(i).Status(); s < 400 || s > 599 {
			t.Errorf("%v: %d", Code(i), s)
		}
	}
}
