// Command probe is an actor for tests: it drives every package of the SDK inside a guest, with a garbage collector that runs as
// often as it can.
package main

import (
	"errors"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wattle-io/wattle/sdk/abi"
	"github.com/wattle-io/wattle/sdk/config"
	"github.com/wattle-io/wattle/sdk/http"
	"github.com/wattle-io/wattle/sdk/log"
	wslog "github.com/wattle-io/wattle/sdk/slog"
)

func init() {
	debug.SetGCPercent(20)
	mux := &http.ServeMux{}
	mux.HandleFunc("POST /echo", echo)
	mux.HandleFunc("GET /request", describe)
	mux.HandleFunc("GET /bytes/{n}", bytes)
	mux.HandleFunc("GET /keyvalue", run(checkKeyvalue))
	mux.HandleFunc("GET /store-errors", run(checkStoreErrors))
	mux.HandleFunc("GET /goroutines", run(goroutines))
	mux.HandleFunc("GET /config", settings)
	mux.HandleFunc("GET /log", logs)
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("on purpose") })
	mux.HandleFunc("GET /panic-late", panicLate)
	mux.HandleFunc("GET /bad-header", badHeader)
	mux.HandleFunc("GET /bad-length", badLength)
	mux.HandleFunc("GET /stale", stale)
	mux.HandleFunc("GET /steps", steps)
	http.Handle(mux)
}

// run makes a handler of a check: 200 and "ok", or 500 and what is wrong.
func run(check func() error) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, http.StatusInternalServerError, err.Error())
			return
		}
		http.Text(w, http.StatusOK, "ok")
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	size, _ := strconv.Atoi(r.Query().Get("chunk"))
	buf := make([]byte, max(size, 1))
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				panic(err)
			}
		}
		if r.Query().Has("gc") {
			runtime.GC()
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(err)
		}
	}
}

func describe(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("X-Many", "a")
	w.Header().Add("X-Many", "b")
	var out strings.Builder
	out.WriteString(r.Method + " " + r.Host() + " " + r.Path + " " + r.RawQuery + "\n")
	for k, v := range r.Header.All() {
		if out.Len()%50 == 0 {
			runtime.GC()
		}
		out.WriteString(k + ": " + v + "\n")
	}
	http.Text(w, http.StatusOK, out.String())
}

func bytes(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	if _, err := w.Write(b); err != nil {
		panic(err)
	}
}

func settings(w http.ResponseWriter, _ *http.Request) {
	v, ok, err := config.Get("color")
	all, err2 := config.All()
	_, none, _ := config.Get("nothing")
	http.Text(w, http.StatusOK, v+" "+strconv.FormatBool(ok && err == nil && !none && err2 == nil)+" "+all["size"]+" "+
		config.GetOr("nothing", "fallback"))
}

func logs(w http.ResponseWriter, _ *http.Request) {
	log.Info("counted", "n", 3)
	log.Log(log.LevelCritical, "ctx", "bad \xff bytes")
	slog.New(wslog.NewHandler("slog", slog.LevelInfo)).Warn("attrs", "k", time.Second)
	http.Text(w, http.StatusOK, "ok")
}

func panicLate(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, "half")
	w.Flush()
	panic("too late")
}

func badHeader(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Bad\nName", "x")
	http.Text(w, http.StatusOK, "never sent")
}

func badLength(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	http.Text(w, http.StatusOK, "short")
}

// kept are what handlers must not use after their end; the next request finds out what happens if they do.
var kept struct {
	w http.ResponseWriter
	r *http.Request
}

func stale(w http.ResponseWriter, r *http.Request) {
	var errs []error
	if kept.w != nil {
		_, err := io.WriteString(kept.w, "stale")
		_, err2 := kept.r.Body.Read(make([]byte, 1))
		errs = append(errs, err, err2)
		if kept.r.Header.Len() != 0 || kept.r.Host() != "" {
			errs = append(errs, errors.New("headers"))
		}
	}
	kept.w, kept.r = w, r
	var s string
	if err := errors.Join(errs...); err != nil {
		s = err.Error()
	}
	http.Text(w, http.StatusOK, s)
}

// steps sends a piece for each one it gets, so that the test sees that both directions are streams.
func steps(w http.ResponseWriter, _ *http.Request) {
	for i := range 3 {
		io.WriteString(w, "step "+strconv.Itoa(i))
		w.Flush()
	}
}

// goroutines uses the key-value store from several goroutines, while each collects garbage.
func goroutines() error {
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			for range 20 {
				runtime.GC()
				errs[i] = errors.Join(errs[i], checkValue("goroutine "+strconv.Itoa(i), i*1000))
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// join is an exported function with parameters and results in memory: join(parts: list<string>, times: u8, tail: list<u8>) ->
// record { text: string, sizes: list<u32>, longest: option<string> }.
//
//go:wasmexport wattle:probe/text@0.1.0#join
func join(parts, n, times, tail, tailSize uint32) uint32 {
	runtime.GC()
	list := abi.List(parts, n, 8)
	var words []string
	var sizes abi.Writer
	longest := ""
	for range n {
		s := list.String()
		words = append(words, s)
		sizes.U32(uint32(len(s)))
		if len(s) > len(longest) {
			longest = s
		}
	}
	text := strings.Repeat(strings.Join(words, "+"), int(times)) + string(abi.Bytes(tail, tailSize))
	var w abi.Writer
	w.String(text)
	w.List(&sizes, len(words))
	w.Bool(longest != "")
	w.String(longest)
	runtime.GC()
	return w.Return()
}

func main() {}
