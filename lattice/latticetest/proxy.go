package latticetest

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy is a way between a leaf and a hub that can break: a TCP proxy. It is whole until told otherwise.
type Proxy struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // of what follows
	pairs   map[net.Conn]net.Conn
	cut     bool
	hole    bool
	closed  bool
	delay   time.Duration
	rate    int
	bytes   int64
}

// NewProxy starts a proxy to the address; it ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, pairs: make(map[net.Conn]net.Conn)}
	p.changed = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut resets all connections and refuses new ones, as when a machine is down.
func (p *Proxy) Cut() { p.set(func() { p.cut = true; p.reset() }) }

// Reset resets all connections; new ones may come at once.
func (p *Proxy) Reset() { p.set(p.reset) }

// BlackHole passes nothing on and says nothing, as when a cable is pulled. Bytes on the way are delivered after Heal, as TCP does.
func (p *Proxy) BlackHole() { p.set(func() { p.hole = true }) }

// Heal ends Cut and BlackHole.
func (p *Proxy) Heal() { p.set(func() { p.cut, p.hole = false, false }) }

// Delay keeps all bytes back for so long, each way.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// Throttle passes on so many bytes a second, each way and connection; 0 for no bound.
func (p *Proxy) Throttle(bytesPerSecond int) { p.set(func() { p.rate = bytesPerSecond }) }

// Bytes is how many bytes were passed on.
func (p *Proxy) Bytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.changed.Broadcast()
}

// reset is called with the lock held.
func (p *Proxy) reset() {
	for a, b := range p.pairs {
		for _, c := range []net.Conn{a, b} {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		}
	}
	clear(p.pairs)
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.set(func() { p.closed = true; p.reset() })
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(c net.Conn) {
	target, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		_ = c.Close()
		return
	}
	p.mu.Lock()
	p.pairs[c] = target
	if p.cut || p.closed {
		p.reset()
	}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pipe(target, c) })
	p.pipe(c, target)
	both.Wait()
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// parcel is bytes on the way, and when they may arrive.
type parcel struct {
	data []byte
	at   time.Time
}

// pipe carries bytes one way until either end is gone.
func (p *Proxy) pipe(to, from net.Conn) {
	way := make(chan parcel, 256)
	var carrier sync.WaitGroup
	carrier.Go(func() {
		p.carry(to, way)
		_, _ = to.Close(), from.Close()
		for range way { // until the reader below has noticed
		}
	})
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.mu.Lock()
			at := time.Now().Add(p.delay)
			p.mu.Unlock()
			way <- parcel{append([]byte(nil), buf[:n]...), at}
		}
		if err != nil {
			break
		}
	}
	close(way)
	carrier.Wait()
}

func (p *Proxy) carry(to io.Writer, way <-chan parcel) {
	for c := range way {
		time.Sleep(time.Until(c.at))
		p.mu.Lock()
		for p.hole && !p.closed {
			p.changed.Wait()
		}
		rate, closed := p.rate, p.closed
		p.bytes += int64(len(c.data))
		p.mu.Unlock()
		if rate > 0 && !closed {
			time.Sleep(time.Duration(float64(len(c.data)) / float64(rate) * float64(time.Second)))
		}
		if _, err := to.Write(c.data); err != nil || closed {
			return
		}
	}
}
