package component

import (
	_ "embed"
	"testing"
)

//go:embed testdata/shop.world
var shopWorld []byte

func TestX(t *testing.T) {
	w, err := DecodeWorld(shopWorld)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(w.Name)
	for _, i := range w.Imports {
		t.Log("import", i.Name, len(i.Types), len(i.Resources))
		for _, f := range i.Funcs {
			t.Log("  ", f.Name, f.Type)
		}
	}
	for _, i := range w.Exports {
		t.Log("export", i.Name, len(i.Types), len(i.Resources))
	}
	t.Log(w.ImportFuncs, w.ExportFuncs, w.Types, w.Resources)
}
