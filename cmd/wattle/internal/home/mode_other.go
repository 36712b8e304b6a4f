//go:build !unix

package home

// hasModes says whether file modes protect files here. They do not: the user's own profile directory does.
const hasModes = false
