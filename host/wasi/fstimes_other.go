//go:build !linux

package wasi

import (
	"os"
	"time"
)

// fileTimes would set the times of an open file; the standard library has no way that does not go by its name, which may be another
// file's by now. set-times-at works.
func fileTimes(*os.File, time.Time, time.Time) error { return fsUnsupported }
