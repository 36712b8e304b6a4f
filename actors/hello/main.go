// Command hello is an actor that greets: over HTTP, and through two functions of its own that other actors and
// `wattle call` can use. Its interfaces are in wit/hello.wit.
package main

import (
	"github.com/wattle-io/wattle/sdk/abi"
	"github.com/wattle-io/wattle/sdk/http"
)

func init() {
	mux := &http.ServeMux{}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		http.Text(w, http.StatusOK, greeting("world")+"\n")
	})
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) {
		http.Text(w, http.StatusOK, greeting(r.PathValue("name"))+"\n")
	})
	http.Handle(mux)
}

func greeting(name string) string {
	if name == "" {
		name = "stranger"
	}
	return "Hello, " + name + "!"
}

// add is example:math/calc.add. Like all WIT integers the sum wraps around.
//
//go:wasmexport example:math/calc@0.1.0#add
func add(a, b int32) int32 { return a + b }

// greet is example:hello/greeter.greet: a string comes as address and length, and one is returned through package abi.
//
//go:wasmexport example:hello/greeter@0.1.0#greet
func greet(name, size uint32) uint32 { return abi.ReturnString(greeting(abi.String(name, size))) }

func main() {}
