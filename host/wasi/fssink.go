package wasi

import "context"

// fileSink writes to a file, from a place of its own on or always at the end.
type fileSink struct {
	always
	d   descriptor // a copy: the guest may drop the descriptor first
	at  uint64
	end bool
}

func (s *fileSink) write(_ context.Context, p []byte) error {
	if err := s.place(uint64(len(p))); err != nil {
		return &fileError{err}
	}
	n, err := s.d.file.WriteAt(p, int64(s.at))
	s.at += uint64(n)
	if err != nil {
		return &fileError{err}
	}
	return nil
}

// place finds where the next n bytes go, and whether they may. Whoever appends through another descriptor at the same time may be
// overwritten: files are opened once for all ways of writing, and only a file opened for appending alone would be safe from that.
func (s *fileSink) place(n uint64) error {
	if s.end {
		fi, err := s.d.file.Stat()
		if err != nil {
			return err
		}
		s.at = uint64(fi.Size())
	}
	return s.d.fits(s.at, n)
}

// flush implements sink: what was written is the system's, as after write of POSIX; sync is what makes it durable.
func (s *fileSink) flush(context.Context) error { return nil }
