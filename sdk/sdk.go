// Package sdk is the Go SDK for actors. It is documentation only; what an actor imports are the packages below it, one for
// each capability:
//
//	http      answer HTTP requests          wasi:http
//	keyvalue  store values by key           wasi:keyvalue
//	log       write log messages            wasi:logging
//	slog      the same for log/slog         wasi:logging
//	config    read the configuration        wasi:config
//	json      write small JSON texts        none
//	abi       export functions of your own  none
//	sdktest   set up tests                  none
//
// An actor is a package main, built with the stock Go toolchain:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags="-s -w" -trimpath -o counter.wasm ./counter
//
// # The life of an actor
//
// The host makes an instance when a call comes and none is free, keeps it for the next calls and drops it when it is idle for long, or
// has trapped. An instance handles one call at a time. Package variables live as long as their instance: they are a cache, never the truth, because
// there may be several instances and each begins anew. What must last goes into a capability.
//
//   - init functions run when an instance is made; register handlers there. Capabilities cannot be called yet: use sync.OnceValue
//     for what needs one. main never runs, but must be there.
//   - There is no moment of stopping: an instance may go away between any two calls.
//   - Goroutines run only while a call is handled. One that outlives its call stands still until the next.
//   - time.Sleep, and everything else that waits, counts against the deadline of the call.
//   - A panic in an HTTP handler is answered with 500. Any other, and a fatal error such as running out of memory, ends the
//     instance: that call fails, the next gets a new one.
//
// The packages import the standard library only, and little of it: an empty Go actor has 1.8 MB, one with package fmt 2.6 MB.
//
// # Tests
//
// Outside Wasm every capability has a stand-in in memory, so go test runs an actor's logic as it is: see package sdktest and http.Record.
package sdk
