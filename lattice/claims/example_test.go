package claims_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nkeys"
	"github.com/wattle-io/wattle/lattice/claims"
)

func Example() {
	issuer, err := nkeys.CreateAccount() // whoever signs keeps the seed of this
	if err != nil {
		log.Fatal(err)
	}
	root, err := issuer.PublicKey() // and tells this to everybody
	if err != nil {
		log.Fatal(err)
	}

	wasm := []byte("\x00asm\x01\x00\x00\x00") // the smallest module
	signed, err := claims.Sign(issuer, claims.Module{
		Name:    "counter",
		Version: "1.0.0",
		Grants:  []claims.Grant{{Cap: "wasi:http"}, {Cap: "wasi:keyvalue"}},
		Expires: time.Date(2099, 1, 2, 0, 0, 0, 0, time.UTC),
	}, wasm)
	if err != nil {
		log.Fatal(err)
	}

	trust := claims.Roots{root: "shop team"}
	c, original, err := claims.Verify(signed, trust, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Name, c.Version, len(original) == len(wasm))
	fmt.Println(c.Allows("wasi:keyvalue"), c.Allows("wasi:sockets"))

	_, _, err = claims.Verify(signed, trust, time.Date(2099, 1, 3, 0, 0, 0, 0, time.UTC))
	fmt.Println(errors.Is(err, claims.ErrExpired), err)
	// Output:
	// counter 1.0.0 true
	// true false
	// true counter expired on 2099-01-02 00:00 UTC; sign it again
}

func ExampleInspect() {
	report := claims.Inspect([]byte("\x00asm\x01\x00\x00\x00"), claims.Roots{}, time.Now())
	fmt.Println(report.Format, report.Valid)
	for _, problem := range report.Problems {
		fmt.Println(problem)
	}
	// Output:
	// module false
	// the module is not signed; sign it with `wattle sign`
}
