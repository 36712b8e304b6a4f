// Command peer is an actor for tests: a guest that calls others, keeps a number in its memory, and misbehaves when told. Its
// interface is in peer.wit.
package main

import (
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"github.com/wattle-io/wattle/sdk/abi"
	"github.com/wattle-io/wattle/sdk/config"
	"github.com/wattle-io/wattle/sdk/keyvalue"
	"github.com/wattle-io/wattle/sdk/log"
)

//go:wasmexport test:peer/relay@1.0.0#hop
func hop(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	return 1 + relayHop(n-1)
}

//go:wasmexport test:peer/relay@1.0.0#run
func run(command, commandSize, argument, argumentSize uint32) uint32 {
	c, a := abi.String(command, commandSize), abi.String(argument, argumentSize)
	f := commands[c]
	if f == nil {
		return abi.ReturnString("no command " + c)
	}
	return abi.ReturnString(f(a))
}

// visits lives as long as the instance.
var visits int

// commands is filled by init, because relay and run refer to each other.
var commands map[string]func(argument string) string

func init() {
	commands = map[string]func(string) string{
		"visit":     func(string) string { visits++; return strconv.Itoa(visits) },
		"relay":     relay,
		"add":       func(s string) string { n, _ := strconv.Atoi(s); return strconv.Itoa(int(calcAdd(int32(n), 1))) },
		"increment": increment,
		"exists":    exists,
		"config":    settings,
		"log":       func(s string) string { log.Log(log.LevelInfo, "ctx", s); log.Log(log.LevelError, "", s+"!"); return "" },
		"print":     printed,
		"panic":     func(s string) string { panic(s) },
		"exit":      func(string) string { os.Exit(3); return "" },
		"spin":      func(string) string { spin(); return "" },
		"sleep":     func(string) string { time.Sleep(time.Hour); return "" },
		"recurse":   func(string) string { return strconv.Itoa(recurse(0)) },
		"allocate":  allocate,
	}
}

// relay has the linked peer run a command.
func relay(command string) string {
	c := abi.Begin()
	defer c.End()
	relayRun(command, "", c.Area())
	return c.String(0)
}

// increment adds one to a counter in the bucket of that name, and visits to what it answers.
func increment(bucket string) string {
	visits++
	b, err := keyvalue.Open(bucket)
	if err != nil {
		return err.Error()
	}
	defer b.Close()
	n, err := b.Increment("n", 1)
	if err != nil {
		return err.Error()
	}
	return strconv.FormatInt(n, 10) + " " + strconv.Itoa(visits)
}

// exists asks as often as told whether a key exists.
func exists(times string) string {
	n, _ := strconv.Atoi(times)
	b, err := keyvalue.Open("bench")
	if err != nil {
		return err.Error()
	}
	defer b.Close()
	for range n {
		if ok, err := b.Exists("apples"); err != nil || ok {
			return "unexpected"
		}
	}
	return "done"
}

// settings is the value of a key of the configuration, and how many keys there are.
func settings(key string) string {
	all, err := config.All()
	if err != nil {
		return err.Error()
	}
	return config.GetOr(key, "none") + " " + strconv.Itoa(len(all))
}

func printed(s string) string {
	os.Stdout.WriteString(s + "\nhalf")
	os.Stderr.WriteString("oh " + s + "\n")
	return ""
}

func spin() {
	for {
	}
}

//go:noinline
func recurse(n int) int {
	var pad [64]int
	pad[n%64] = n
	return recurse(n+1) + pad[(n+1)%64]
}

// allocate holds on to more and more memory.
func allocate(string) string {
	var all [][]byte
	for {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
		runtime.KeepAlive(all)
	}
}

//go:wasmimport test:peer/relay@1.0.0 hop
func relayHop(n uint32) uint32

//go:wasmimport test:peer/relay@1.0.0 run
func relayRun(command, argument string, result unsafe.Pointer)

//go:wasmimport example:math/calc@0.1.0 add
func calcAdd(a, b int32) int32

func main() {}
