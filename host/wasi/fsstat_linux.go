package wasi

import (
	"io/fs"
	"syscall"
	"time"
)

func identify(fi fs.FileInfo) fileID {
	s, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}
	}
	return fileID{uint64(s.Dev), s.Ino, uint64(s.Nlink), time.Unix(s.Atim.Unix()), time.Unix(s.Ctim.Unix())}
}
