//go:build !(linux || darwin || freebsd)

package bus

import (
	"errors"
	"syscall"
)

func isDiskFull(error) bool { return false }

func isPortInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

func freeBytes(string) (uint64, bool) { return 0, false }
