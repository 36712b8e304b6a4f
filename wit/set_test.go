package wit

import "testing"

func TestContractsParse(t *testing.T) {
	s := Contracts()
	for _, i := range s.Interfaces() {
		t.Log(i.Name, len(i.Funcs), len(i.Types), len(i.Resources), i.deps())
	}
	for _, w := range s.Worlds() {
		t.Log(w.Name, len(w.Imports), len(w.Exports))
	}
}
