//go:build unix

package wasi

import "syscall"

// openNonblock keeps an open from waiting for the other end of a pipe. It changes nothing for regular files.
const openNonblock = syscall.O_NONBLOCK
