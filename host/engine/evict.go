package engine

import "time"

// startTimer sees to it that idle instances are looked at. It needs mu.
func (p *Pool) startTimer() {
	if p.timer == nil && p.limits.Idle > 0 && !p.closing {
		p.timer = time.AfterFunc(p.limits.Idle/2, p.evict)
	}
}

// evict closes the instances that have been idle for two ticks. Ticks instead of times: so a call need not read the
// clock.
func (p *Pool) evict() {
	p.mu.Lock()
	if p.closing {
		p.mu.Unlock()
		return
	}
	p.tick++
	n := 0
	for n < len(p.idle) && p.idle[n].idle+2 <= p.tick { // the first ones are idle for the longest
		n++
	}
	old := append([]*Instance(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	clear(p.idle[len(p.idle):cap(p.idle)])
	p.reserved -= n
	p.timer = nil
	if len(p.idle) > 0 {
		p.startTimer()
	}
	p.holds++
	p.mu.Unlock()
	p.closeIdle(old)
}
