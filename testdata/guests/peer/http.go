package main

import (
	"io"
	"time"

	"github.com/wattle-io/wattle/sdk/config"
	"github.com/wattle-io/wattle/sdk/http"
)

func init() {
	mux := &http.ServeMux{}
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		http.Text(w, http.StatusOK, config.GetOr("version", "none"))
	})
	mux.HandleFunc("POST /echo", echo)
	mux.HandleFunc("POST /first", first)
	mux.HandleFunc("GET /spin", func(w http.ResponseWriter, _ *http.Request) { begin(w); spin() })
	mux.HandleFunc("GET /sleep", func(w http.ResponseWriter, _ *http.Request) { begin(w); time.Sleep(time.Hour) })
	mux.HandleFunc("GET /flood", flood)
	http.Handle(mux)
}

// begin sends a first piece of the response.
func begin(w http.ResponseWriter) {
	io.WriteString(w, "begun\n")
	if err := w.Flush(); err != nil {
		panic(err)
	}
}

// echo answers each piece of the request at once.
func echo(w http.ResponseWriter, r *http.Request) {
	buf := make([]byte, 8<<10)
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			w.Write(buf[:n])
			w.Flush()
		}
		if err != nil {
			return
		}
	}
}

// first answers before it reads the request's body, and ends with it.
func first(w http.ResponseWriter, r *http.Request) {
	begin(w)
	b, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	w.Write(b)
}

// flood writes for ever, whatever happens.
func flood(w http.ResponseWriter, _ *http.Request) {
	piece := make([]byte, 4096)
	for {
		w.Write(piece)
	}
}
