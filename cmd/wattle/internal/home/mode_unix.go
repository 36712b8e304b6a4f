//go:build unix

package home

// hasModes says whether file modes protect files here.
const hasModes = true
