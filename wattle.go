// Package wattle has the version of the program, and the tests of the module as a whole.
//
// It is no API: hosts are built with package host, actors with package sdk.
package wattle

// Version is the version of this source.
const Version = "0.1.0"
