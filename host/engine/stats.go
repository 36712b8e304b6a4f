package engine

import (
	"context"
	"time"
)

// Stats is what a pool has done and is doing.
type Stats struct {
	Instances int           // instances there are
	Busy      int           // calls that run, those that make an instance included
	Waiting   int           // calls that wait for an instance
	Calls     uint64        // calls that have ended
	Failures  uint64        // of those, the failed ones
	Fuel      uint64        // units of fuel used: about one per loop iteration and function call of the guest
	Memory    uint64        // bytes of linear memory in use
	Time      time.Duration // time spent in calls, host functions included; short calls are sampled
}

// Stats gives the present state.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Instances, s.Busy, s.Waiting = len(p.all), p.reserved-len(p.idle), len(p.waiting)
	for in := range p.all {
		s.Memory += in.memory.used.Load()
	}
	return s
}

// Close ends the pool: calls that come or wait get ErrClosed, calls that run may go on until ctx ends and are stopped
// then. It returns when all are done and all is freed, with the error of ctx if calls had to be stopped. A host function
// that does not heed its context delays it.
func (p *Pool) Close(ctx context.Context) error {
	p.shut()
	select {
	case <-p.closed:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	for in := range p.all {
		in.stop()
	}
	p.mu.Unlock()
	<-p.closed
	return ctx.Err()
}

// shut refuses new calls and frees what is idle.
func (p *Pool) shut() {
	p.mu.Lock()
	if p.closing {
		p.mu.Unlock()
		return
	}
	p.closing = true
	for _, w := range p.waiting {
		close(w.ch)
	}
	idle := p.idle
	p.reserved -= len(idle)
	p.idle, p.waiting = nil, nil
	if p.timer != nil {
		p.timer.Stop()
	}
	p.holds++
	p.mu.Unlock()
	p.closeIdle(idle)
}

// closeIdle closes instances that were taken out of the pool, and gives up the hold that was taken for it.
func (p *Pool) closeIdle(idle []*Instance) {
	for _, in := range idle {
		in.close()
	}
	p.mu.Lock()
	p.holds--
	last := p.closing && p.holds == 0
	p.mu.Unlock()
	if last {
		p.finish()
	}
}

// finish runs once, when the last call is done.
func (p *Pool) finish() {
	p.program.Release()
	close(p.closed)
}

// Limits are the pool's, with the defaults filled in.
func (p *Pool) Limits() Limits { return p.limits }
