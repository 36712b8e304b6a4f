// Package standard lists the providers and contracts that are built in. It is the one place where they are chosen: a host with others
// is a main of its own with another list.
package standard

import (
	"github.com/wattle-io/wattle/providers"
	"github.com/wattle-io/wattle/providers/http/httpserver"
	"github.com/wattle-io/wattle/providers/keyvalue"
	"github.com/wattle-io/wattle/providers/keyvalue/memory"
	"github.com/wattle-io/wattle/providers/keyvalue/natskv"
)

// Drivers are the providers that are built in. A host starts each once.
func Drivers() []providers.Driver {
	return []providers.Driver{
		natskv.Driver(),
		memory.Driver(),
		httpserver.Driver(),
	}
}

// Contracts are the contracts that have an adapter for guests. wasi:http has none here: its resources are the host's own.
func Contracts() []providers.Contract {
	return []providers.Contract{
		keyvalue.Contract(),
	}
}
