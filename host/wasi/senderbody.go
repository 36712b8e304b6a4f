package wasi

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"sync"
	"time"
)

// replyBody is the body of a response. Its errors are ErrorCodes.
type replyBody struct {
	ctx     context.Context // the request's, as net/http has it
	cancel  context.CancelCauseFunc
	body    io.ReadCloser
	between time.Duration // most time of a Read; 0 is any
}

func (b *replyBody) Read(p []byte) (int, error) {
	if b.between > 0 {
		t := time.AfterFunc(b.between, func() { b.cancel(ErrorCode{Code: ConnectionReadTimeout}) })
		defer t.Stop()
	}
	n, err := b.body.Read(p)
	if err != nil && err != io.EOF {
		err = sendError(b.ctx, err)
	}
	return n, err
}

func (b *replyBody) Close() error {
	b.cancel(nil)
	return b.body.Close()
}

// firstByte runs a timer from when a request has its connection until the response is there.
type firstByte struct {
	after time.Duration // 0: no timer
	do    func()

	mu    sync.Mutex // guards the rest
	timer *time.Timer
	over  bool
}

func afterConnect(after time.Duration, do func()) *firstByte { return &firstByte{after: after, do: do} }

func (f *firstByte) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { f.start() }}
}

func (f *firstByte) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.after > 0 && f.timer == nil && !f.over {
		f.timer = time.AfterFunc(f.after, f.do)
	}
}

func (f *firstByte) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	if f.timer != nil {
		f.timer.Stop()
	}
}

// sendError is what went wrong with a request, as an ErrorCode.
func sendError(ctx context.Context, err error) error {
	if code, ok := asErrorCode(context.Cause(ctx)); ok {
		return code
	}
	if code, ok := asErrorCode(err); ok {
		return code
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ErrorCode{Code: ConnectionTerminated}
	}
	return netErrorCode(err)
}
