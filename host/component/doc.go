// Package component reads WebAssembly components and makes plans of them: what to instantiate, in which order, and how the functions of a
// program are lifted and lowered.
//
// FromBinary takes any program. FromComponent decodes a component file (Binary.md; files binary….go), checks it and inlines the components
// inside of it (Explainer.md; link….go, names.go). FromModule makes the same kind of plan of a core module that follows the names
// of the Canonical ABI. DecodeWorld and EncodeWorld are the types alone, as tools put them into core modules.
//
// A plan is for the synchronous component model, WASI 0.2. What belongs to WASI 0.3 (async functions, streams, futures) has its
// type kinds in package wit, is read, and is refused by name as soon as a program uses it.
//
// It is not an engine: it runs no guest code (see host/engine), moves no values (see host/abi) and knows no implementation of any
// import. Files are hostile: their depth, counts and sizes are bounded, and so is what they grow to when they are inlined.
package component
