//go:build !linux

package wasi

import "io/fs"

// identify knows nothing more than package os here: a file counts one link, and its metadata-hash tells sizes and times apart.
func identify(fs.FileInfo) fileID { return fileID{} }
