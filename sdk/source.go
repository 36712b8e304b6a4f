package sdk

import "embed"

// Source holds the source of the packages below this one. Package template vendors it into new projects, so that they build
// without a network and with the SDK that fits the host.
//
//go:embed abi/*.go config/*.go http/*.go internal/fake/*.go json/*.go keyvalue/*.go log/*.go sdktest/*.go slog/*.go
var Source embed.FS
