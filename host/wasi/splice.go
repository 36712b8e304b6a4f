package wasi

import (
	"context"

	"github.com/wattle-io/wattle/wit"
)

func spliceImports() wit.Imports {
	return imports("wasi:io/streams@0.2.0", map[string]wit.HostFunc{
		"[method]output-stream.splice":          splice(false),
		"[method]output-stream.blocking-splice": splice(true),
	})
}

// splice copies what the input has, up to len and to the output's room. The blocking one first waits for both.
func splice(block bool) wit.HostFunc {
	return func(ctx context.Context, c *wit.Call) error {
		dst, src, n := wit.HandleOf[*outputStream](c), wit.HandleOf[*inputStream](c), c.Args.Uint(64)
		if err := c.Args.Close(); err != nil {
			return err
		}
		if dst.closed {
			streamError(c, errClosed)
			return nil
		}
		if block && n > 0 {
			if err := spliceWait(ctx, dst, src); err != nil {
				return err
			}
		}
		return dst.spliceFrom(ctx, c, src, n)
	}
}

func spliceWait(ctx context.Context, dst *outputStream, src *inputStream) error {
	if err := wait(ctx, &pollable{event: dst.sink}); err != nil {
		return err
	}
	return wait(ctx, &pollable{event: src.src})
}

func (s *outputStream) spliceFrom(ctx context.Context, c *wit.Call, src *inputStream, n uint64) error {
	s.permit = 0
	room, err := s.sink.room()
	if err != nil {
		s.result(c, err)
		return nil
	}
	p, err := src.src.next(min(n, uint64(room)))
	if err != nil {
		src.error(c, err)
		return nil
	}
	if err := s.sink.write(ctx, p); err != nil {
		return s.outcome(ctx, c, err)
	}
	c.Result.OK()
	c.Result.Uint(uint64(len(p)))
	return nil
}
