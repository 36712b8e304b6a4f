package wasi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/wattle-io/wattle/wit"
)

// fsCode is the enum error-code of wasi:filesystem/types, as a Go error.
type fsCode uint8

// The cases, in the enum's order.
const (
	fsAccess fsCode = iota
	fsWouldBlock
	fsAlready
	fsBadDescriptor
	fsBusy
	fsDeadlock
	fsQuota
	fsExist
	fsFileTooLarge
	fsIllegalByteSequence
	fsInProgress
	fsInterrupted
	fsInvalid
	fsIO
	fsIsDirectory
	fsLoop
	fsTooManyLinks
	fsMessageSize
	fsNameTooLong
	fsNoDevice
	fsNoEntry
	fsNoLock
	fsInsufficientMemory
	fsInsufficientSpace
	fsNotDirectory
	fsNotEmpty
	fsNotRecoverable
	fsUnsupported
	fsNoTTY
	fsNoSuchDevice
	fsOverflow
	fsNotPermitted
	fsPipe
	fsReadOnly
	fsInvalidSeek
	fsTextFileBusy
	fsCrossDevice
)

// Error implements error.
func (c fsCode) Error() string { return fmt.Sprintf("wasi:filesystem error-code %d", uint8(c)) }

// errnos says which case an error of the system is.
var errnos = [...]struct {
	errno syscall.Errno
	code  fsCode
}{
	{syscall.EACCES, fsAccess}, {syscall.EAGAIN, fsWouldBlock}, {syscall.EBADF, fsBadDescriptor}, {syscall.EBUSY, fsBusy},
	{syscall.EDQUOT, fsQuota}, {syscall.EEXIST, fsExist}, {syscall.EFBIG, fsFileTooLarge}, {syscall.EILSEQ, fsIllegalByteSequence},
	{syscall.EINTR, fsInterrupted}, {syscall.EINVAL, fsInvalid}, {syscall.EIO, fsIO}, {syscall.EISDIR, fsIsDirectory},
	{syscall.ELOOP, fsLoop}, {syscall.EMLINK, fsTooManyLinks}, {syscall.ENAMETOOLONG, fsNameTooLong}, {syscall.ENODEV, fsNoDevice},
	{syscall.ENOENT, fsNoEntry}, {syscall.ENOLCK, fsNoLock}, {syscall.ENOMEM, fsInsufficientMemory}, {syscall.ENOSPC, fsInsufficientSpace},
	{syscall.EMFILE, fsInsufficientMemory}, {syscall.ENFILE, fsInsufficientMemory}, {syscall.ENOTDIR, fsNotDirectory},
	{syscall.ENOTEMPTY, fsNotEmpty}, {syscall.ENOTSUP, fsUnsupported}, {syscall.ENOSYS, fsUnsupported}, {syscall.ENXIO, fsNoSuchDevice},
	{syscall.EOVERFLOW, fsOverflow}, {syscall.EPERM, fsNotPermitted}, {syscall.EPIPE, fsPipe}, {syscall.EROFS, fsReadOnly},
	{syscall.ESPIPE, fsInvalidSeek}, {syscall.ETXTBSY, fsTextFileBusy}, {syscall.EXDEV, fsCrossDevice},
}

// escapes is how package os says that a path leaves its root; it exports no value for it.
const escapes = "path escapes from parent"

// fsCodeOf is the case that an error of package os is.
func fsCodeOf(err error) fsCode {
	var code fsCode
	var errno syscall.Errno
	if errors.As(err, &code) {
		return code
	}
	if errors.As(err, &errno) {
		for _, e := range errnos {
			if e.errno == errno {
				return e.code
			}
		}
	}
	return fsCodeByKind(err)
}

// fsCodeByKind is for errors that are no errno of this table: those of other systems, and package os's own.
func fsCodeByKind(err error) fsCode {
	switch {
	case innermost(err).Error() == escapes:
		return fsNotPermitted
	case errors.Is(err, fs.ErrNotExist):
		return fsNoEntry
	case errors.Is(err, fs.ErrExist):
		return fsExist
	case errors.Is(err, fs.ErrPermission):
		return fsAccess
	case errors.Is(err, fs.ErrInvalid):
		return fsInvalid
	case errors.Is(err, fs.ErrClosed):
		return fsBadDescriptor
	case errors.Is(err, errors.ErrUnsupported):
		return fsUnsupported
	}
	return fsIO
}

// innermost unwraps an error to the end.
func innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}

// fileError marks a stream's error as one of a file, for filesystem-error-code.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// filesystemErrorCode appends option<error-code>.
func filesystemErrorCode(_ context.Context, c *wit.Call) error {
	e := wit.HandleOf[*ioError](c)
	if err := c.Args.Close(); err != nil {
		return err
	}
	var file *fileError
	ok := errors.As(e.err, &file)
	c.Result.Bool(ok)
	if ok {
		c.Result.Uint(uint64(fsCodeOf(file.err)))
	}
	return nil
}
