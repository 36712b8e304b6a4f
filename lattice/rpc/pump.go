package rpc

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/wattle-io/wattle/lattice"
)

// pump sends what follows the first frame of a call: the rest of the payload, then the body.
type pump struct {
	call    *outCall
	client  *Client
	body    io.Reader
	over    chan struct{} // closed when nothing is to be sent any more
	done    chan struct{} // closed when the goroutine has ended
	reading atomic.Bool   // a Read of the body is under way
}

// pump sends the rest of the payload and the body as the callee allows, in a goroutine of its own. stop ends it.
func (k *outCall) pump(rest []byte) (stop func()) {
	p := &pump{call: k, client: k.client, body: k.inv.Body, over: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.run(rest)
	}()
	return p.stop
}

// stop ends the goroutine and waits for it, unless it is in a Read that cannot be ended.
func (p *pump) stop() {
	close(p.over)
	if p.reading.Load() && !p.interrupt() {
		p.call.reading = true
		return
	}
	<-p.done
}

// interrupt ends a Read of the body, if that is possible.
func (p *pump) interrupt() bool {
	for _, v := range []any{p.call.inv.Stream, p.body} {
		if r, ok := v.(readDeadliner); ok {
			return r.SetReadDeadline(past()) == nil
		}
	}
	return false
}

func (p *pump) run(rest []byte) {
	buf := p.client.chunk()
	p.sendPayload(*buf, rest)
	if p.body != nil {
		p.sendBody(*buf)
	}
	p.client.chunks.Put(buf)
}

func (p *pump) sendPayload(buf, rest []byte) {
	for len(rest) > 0 {
		part := rest[:min(len(rest), chunk)]
		rest = rest[len(part):]
		if p.call.open.take(len(part)+frameCost, p.over, nil) != nil {
			return
		}
		p.publish(append(appendMore(buf[:0], toData, p.call.token), part...))
	}
}

// sendBody sends the body as it can be read. Nothing is read before some of it may be sent.
func (p *pump) sendBody(buf []byte) {
	for p.call.open.take(chunk+frameCost, p.over, nil) == nil {
		frame := appendMore(buf[:0], toData, p.call.token)
		n, err := p.read(frame[len(frame):cap(buf)])
		if closed(p.over) { // the call may be somebody else's by now
			return
		}
		if n > 0 {
			p.call.open.add(chunk - n) // what was taken and is not needed
			p.publish(frame[:len(frame)+n])
		} else {
			p.call.open.add(chunk + frameCost)
		}
		if err != nil {
			p.end(err)
			return
		}
	}
}

// read reads the body, as the only thing that may outlive the call.
func (p *pump) read(b []byte) (int, error) {
	p.reading.Store(true)
	defer p.reading.Store(false)
	if closed(p.over) {
		return 0, errOver
	}
	return p.body.Read(b)
}

// end says that nothing more comes, and why if it is not all.
func (p *pump) end(err error) {
	if err == io.EOF {
		p.publish(p.call.more(toEnd))
		return
	}
	broken := &lattice.Error{Kind: lattice.KindOf(err), Msg: "the body broke off: " + err.Error()}
	if own := (*lattice.Error)(nil); errors.As(err, &own) {
		broken = own
	}
	p.publish(appendFault(p.call.more(toBroken), broken))
}

// publish sends a frame. If that fails the host does not learn of it, but of the end of the call.
func (p *pump) publish(data []byte) {
	if err := p.call.send(data); err != nil {
		p.call.client.cfg.Log.Debug("rpc: cannot send what follows a call", "host", p.call.dst, "err", err)
	}
}
