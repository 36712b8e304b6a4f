//go:build !linux

package wasi

import "os"

// renameAcross would move a file between two roots. It is refused as between two file systems: programs then copy.
func renameAcross(*os.Root, string, *os.Root, string) error { return fsCrossDevice }
