// Package wattle has what the command carries along: its version and the source of the guest SDK, which `wattle new` puts into a
// new project so that it builds with nothing but Go.
//
// It is no API: hosts are built with package host, actors with package sdk.
package wattle

import "embed"

// Version is the version of this source.
const Version = "0.1.0"

// SDK is the source of the guest SDK, below "sdk".
//
//go:embed sdk
var SDK embed.FS
