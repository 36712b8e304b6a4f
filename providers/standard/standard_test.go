package standard

import (
	"testing"

	"github.com/wattle-io/wattle/lattice"
	"github.com/wattle-io/wattle/wit"
)

func TestDriversAreWellFormedAndApart(t *testing.T) {
	seen, offered := map[string]bool{}, map[string]bool{}
	for _, d := range Drivers() {
		if !lattice.ValidName(d.Name) || seen[d.Name] || d.Doc == "" || d.New == nil || len(d.Contracts)+len(d.Calls) == 0 {
			t.Errorf("driver %q is incomplete or twice", d.Name)
		}
		seen[d.Name] = true
		for _, c := range d.Contracts {
			offered[c] = true
		}
	}
	for _, c := range Contracts() {
		if !offered[c.Name] {
			t.Errorf("nothing offers %s", c.Name)
		}
	}
}

func TestContractsImplementOnlyWhatTheWITDeclares(t *testing.T) {
	declared := map[string]bool{}
	for _, i := range wit.Contracts().Interfaces() {
		for _, f := range i.Funcs {
			declared[wit.CanonicalName(i.Name, f.Name)] = true
		}
	}
	for _, c := range Contracts() {
		for name := range c.Imports(nil) {
			if !declared[name] {
				t.Errorf("%s: the WIT has no %s", c.Name, name)
			}
		}
	}
}
