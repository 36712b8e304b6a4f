package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/wapc/wapc-go"
	wapcwazero "github.com/wapc/wapc-go/engines/wazero"

	"github.com/wattle-io/wattle/host/engine"
	"github.com/wattle-io/wattle/wit"
)

// caller is one way to call the guest: work sends a payload, which the guest passes to the host, and gets the sum; echo gets the payload back.
type caller struct {
	name string
	work func(payload []byte) (uint32, error)
	echo func(payload []byte) ([]byte, error) // valid until the next call
}

// benchCall compares a call through raw wazero, the engine, waPC and Extism, all on wazero's compiler.
func benchCall(ctx context.Context, b *bench) ([]table, error) {
	var list []caller
	for _, open := range []func(context.Context) (caller, func(), error){rawCaller, engineCaller, wapcCaller, extismCaller} {
		c, stop, err := open(ctx)
		if err != nil {
			return nil, err
		}
		defer stop()
		list = append(list, c)
	}
	small, large := bytes.Repeat([]byte{3}, 16), bytes.Repeat([]byte{5}, 4096)
	works, echoes := make([]candidate, len(list)), make([]candidate, len(list))
	for i, c := range list {
		works[i], echoes[i] = candidate{c.name, c.worker(small)}, candidate{c.name, c.echoer(large)}
	}
	work, err := compare(ctx, b, works)
	if err != nil {
		return nil, err
	}
	echo, err := compare(ctx, b, echoes)
	if err != nil {
		return nil, err
	}
	return []table{callTable(list, work, echo)}, nil
}

func (c caller) worker(payload []byte) func(int) error {
	return func(n int) error {
		for range n {
			if sum, err := c.work(payload); err != nil || sum != 48 {
				return fmt.Errorf("sum %d, %w", sum, err)
			}
		}
		return nil
	}
}

func (c caller) echoer(payload []byte) func(int) error {
	return func(n int) error {
		for range n {
			if out, err := c.echo(payload); err != nil || !bytes.Equal(out, payload) {
				return fmt.Errorf("%d bytes, %w", len(out), err)
			}
		}
		return nil
	}
}

func callTable(list []caller, work, echo []cost) table {
	t := table{title: "A call", note: "One guest's logic behind four ABIs, all compiled by wazero. Only the engine counts fuel, and has deadlines and limits.",
		head: []string{"through", "16 B, one host call", "× raw", "allocs", "4 KiB there and back", "× raw", "allocs"}}
	for i, c := range list {
		t.add(c.name, nanos(work[i].ns), factor(work[i].ratio), fmt.Sprintf("%.0f", work[i].allocs),
			nanos(echo[i].ns), factor(echo[i].ratio), fmt.Sprintf("%.0f", echo[i].allocs))
	}
	ours := work[1].ratio
	t.goals = []goal{
		atMost("engine, 16 B: × raw", ours, 2.5, "%.2f"), atMost("allocations", work[1].allocs+echo[1].allocs, 0.01, "%.2f"),
		atLeast("faster than waPC: ×", work[2].ratio/ours, 1, "%.2f"), atLeast("faster than Extism: ×", work[3].ratio/ours, 20, "%.1f"),
	}
	return t
}

func sum(payload []byte) (n uint32) {
	for _, x := range payload {
		n += uint32(x)
	}
	return n
}

// rawCaller does with wazero alone what the Canonical ABI asks for: allocate in the guest, copy, call, copy, free.
func rawCaller(ctx context.Context) (c caller, stop func(), err error) {
	r := wazero.NewRuntime(ctx)
	i32 := api.ValueTypeI32
	hb := r.NewHostModuleBuilder("bench:guest/host@1.0.0")
	hb.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, stack []uint64) {
		payload, _ := m.Memory().Read(uint32(stack[0]), uint32(stack[1]))
		stack[0] = uint64(sum(payload))
	}), []api.ValueType{i32, i32}, []api.ValueType{i32}).Export("tick")
	if _, err = hb.Instantiate(ctx); err != nil {
		return c, nil, err
	}
	wasm, err := guest("canonical")
	if err != nil {
		return c, nil, err
	}
	m, err := r.Instantiate(ctx, wasm)
	if err != nil {
		return c, nil, err
	}
	raw := &rawGuest{ctx: ctx, memory: m.Memory(), realloc: m.ExportedFunction("cabi_realloc"), work: m.ExportedFunction("bench:guest/calls@1.0.0#work"),
		echo: m.ExportedFunction("bench:guest/calls@1.0.0#echo"), post: m.ExportedFunction("cabi_post_bench:guest/calls@1.0.0#echo")}
	return caller{"raw wazero", raw.callWork, raw.callEcho}, func() { r.Close(ctx) }, nil
}

type rawGuest struct {
	ctx                       context.Context
	memory                    api.Memory
	realloc, work, echo, post api.Function
	stack                     [4]uint64
	out                       []byte
}

// pass copies the payload into the guest and leaves its address and length on the stack.
func (g *rawGuest) pass(payload []byte) error {
	g.stack = [4]uint64{2: 1, 3: uint64(len(payload))}
	if err := g.realloc.CallWithStack(g.ctx, g.stack[:]); err != nil {
		return err
	}
	if !g.memory.Write(uint32(g.stack[0]), payload) {
		return errors.New("out of bounds")
	}
	g.stack[1] = uint64(len(payload))
	return nil
}

func (g *rawGuest) callWork(payload []byte) (uint32, error) {
	if err := g.pass(payload); err != nil {
		return 0, err
	}
	err := g.work.CallWithStack(g.ctx, g.stack[:])
	return uint32(g.stack[0]), err
}

func (g *rawGuest) callEcho(payload []byte) ([]byte, error) {
	if err := g.pass(payload); err != nil {
		return nil, err
	}
	if err := g.echo.CallWithStack(g.ctx, g.stack[:]); err != nil {
		return nil, err
	}
	ret := uint32(g.stack[0])
	ptr, _ := g.memory.ReadUint32Le(ret)
	size, _ := g.memory.ReadUint32Le(ret + 4)
	view, ok := g.memory.Read(ptr, size)
	if !ok {
		return nil, errors.New("out of bounds")
	}
	g.out = append(g.out[:0], view...)
	return g.out, g.post.CallWithStack(g.ctx, g.stack[:])
}

func tick(_ context.Context, c *wit.Call) error {
	payload := c.Args.Bytes()
	c.Result.Uint(uint64(sum(payload)))
	return c.Args.Close()
}

// engineCaller calls as the host does: with encoded values, metered, within limits.
func engineCaller(ctx context.Context) (c caller, stop func(), err error) {
	wasm, err := guest("canonical")
	if err != nil {
		return c, nil, err
	}
	p, stop, err := pool(ctx, wasm, wit.Imports{"bench:guest/host@1.0.0#tick": tick}, engine.Limits{})
	if err != nil {
		return c, nil, err
	}
	work, err := p.Func("bench:guest/calls", "work")
	echo, err2 := p.Func("bench:guest/calls", "echo")
	if err = errors.Join(err, err2); err != nil {
		stop()
		return c, nil, err
	}
	var args wit.Encoder
	var out []byte
	call := func(f *engine.Func, payload []byte) (wit.Decoder, error) {
		args.Reset()
		args.Bytes(payload)
		var err error
		out, err = f.Call(ctx, args.Buf, nil, out[:0])
		return wit.Decoder{Buf: out}, err
	}
	return caller{"engine", func(payload []byte) (uint32, error) {
		d, err := call(work, payload)
		return d.U32(), err
	}, func(payload []byte) ([]byte, error) {
		d, err := call(echo, payload)
		return d.Bytes(), err
	}}, stop, nil
}

func wapcCaller(ctx context.Context) (c caller, stop func(), err error) {
	wasm, err := guest("wapc")
	if err != nil {
		return c, nil, err
	}
	host := func(_ context.Context, _, _, _ string, payload []byte) ([]byte, error) {
		return binary.LittleEndian.AppendUint32(nil, sum(payload)), nil
	}
	m, err := wapcwazero.Engine().New(ctx, host, wasm, &wapc.ModuleConfig{})
	if err != nil {
		return c, nil, err
	}
	in, err := m.Instantiate(ctx)
	if err != nil {
		return c, nil, err
	}
	return caller{"waPC", func(payload []byte) (uint32, error) {
		out, err := in.Invoke(ctx, "work", payload)
		if err != nil || len(out) != 4 {
			return 0, fmt.Errorf("%d bytes, %w", len(out), err)
		}
		return binary.LittleEndian.Uint32(out), nil
	}, func(payload []byte) ([]byte, error) { return in.Invoke(ctx, "echo", payload) }}, func() { m.Close(ctx) }, nil
}

func extismCaller(ctx context.Context) (c caller, stop func(), err error) {
	wasm, err := guest("extism")
	if err != nil {
		return c, nil, err
	}
	host := extism.NewHostFunctionWithStack("tick", func(_ context.Context, p *extism.CurrentPlugin, stack []uint64) {
		payload, _ := p.ReadBytes(stack[0])
		stack[0] = uint64(sum(payload))
	}, []extism.ValueType{extism.ValueTypePTR}, []extism.ValueType{extism.ValueTypeI64})
	manifest := extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: wasm}}}
	p, err := extism.NewPlugin(ctx, manifest, extism.PluginConfig{}, []extism.HostFunction{host})
	if err != nil {
		return c, nil, err
	}
	call := func(name string, payload []byte) ([]byte, error) {
		_, out, err := p.CallWithContext(ctx, name, payload)
		return out, err
	}
	return caller{"Extism", func(payload []byte) (uint32, error) {
		out, err := call("work", payload)
		if err != nil || len(out) != 4 {
			return 0, fmt.Errorf("%d bytes, %w", len(out), err)
		}
		return binary.LittleEndian.Uint32(out), nil
	}, func(payload []byte) ([]byte, error) { return call("echo", payload) }}, func() { p.Close(ctx) }, nil
}
