package memory

import (
	"testing"

	"github.com/wattle-io/wattle/providers/keyvalue"
	"github.com/wattle-io/wattle/providers/keyvalue/keyvaluetest"
)

func TestConformance(t *testing.T) {
	keyvaluetest.RunBackend(t, nil, func(*testing.T) keyvalue.Backend { return New() })
}
