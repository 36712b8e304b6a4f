package project

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/wattle-io/wattle/wit"
)

// ownWorld is the one world of the project's wit directory: those of the contracts do not count.
func ownWorld(set *wit.Set) (*wit.World, error) {
	var found []*wit.World
	var names []string
	for _, w := range set.Worlds() {
		if _, known := wit.Contracts().World(w.Name); !known {
			found, names = append(found, w), append(names, w.Name)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no world: write one that says what the actor exports")
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("several worlds (%s): keep the one that the actor is", strings.Join(names, ", "))
}

// worldSection is where toolchains put the world of a core module; what follows the colon tells several apart.
const worldSection = "component-type:wattle"

// appendCustom adds a custom section at the end of a module.
func appendCustom(wasm []byte, name string, payload []byte) []byte {
	body := binary.AppendUvarint(nil, uint64(len(name)))
	body = append(append(body, name...), payload...)
	wasm = append(wasm, 0)
	wasm = binary.AppendUvarint(wasm, uint64(len(body)))
	return append(wasm, body...)
}
