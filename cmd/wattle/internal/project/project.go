// Package project is an actor's source directory: its project file wattle.toml, how it is built to Wasm, and what a new one looks like.
//
// It knows nothing of lattices: what a built actor may do and whom it is linked to is only read here, and carried out by the commands.
package project

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/wattle-io/wattle/lattice"
)

// FileName is the name of the project file.
const FileName = "wattle.toml"

// Project is an actor's project file.
type Project struct {
	Dir string `toml:"-"`

	Name         string            `toml:"name"`         // of the actor: 1 to 64 of a-z, 0-9 and -
	Version      string            `toml:"version"`      // "0.1.0" unless given
	Capabilities []string          `toml:"capabilities"` // contracts that it is signed for: "wasi:http"
	Try          string            `toml:"try"`          // path that `wattle dev` suggests to ask for
	Config       map[string]string `toml:"config"`       // what wasi:config gives it
	Link         []Link            `toml:"link"`
	Limits       Limits            `toml:"limits"`
	Recipe       Recipe            `toml:"build"`
}

// Link is a link that `wattle dev` puts. The side that is left out is this actor.
type Link struct {
	Source   string            `toml:"source"`
	Target   string            `toml:"target"`
	Contract string            `toml:"contract"`
	Name     string            `toml:"name"`
	Config   map[string]string `toml:"config"`
}

// Limits are those of an instance; zero is the host's default.
type Limits struct {
	Memory    string `toml:"memory"`    // "64MiB"
	Instances int    `toml:"instances"` // at most that many at a time
	Call      string `toml:"call"`      // how long a call may take: "5s"
	Idle      string `toml:"idle"`      // how long an idle instance stays: "5m"
}

// Recipe says how to build an actor that is not in Go.
type Recipe struct {
	Command []string `toml:"command"` // run in the directory
	Output  string   `toml:"output"`  // the .wasm file that it makes
}

// Load reads the project file of a directory. Errors name the line and, for an unknown key, the nearest valid one.
func Load(dir string) (*Project, error) {
	path := filepath.Join(dir, FileName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no %s in %s; make a new project with `wattle new NAME`", FileName, dir)
	}
	if err != nil {
		return nil, err
	}
	p := &Project{Dir: dir, Version: "0.1.0"}
	if err := decode(b, p); err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func decode(b []byte, p *Project) error {
	d := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields()
	err := d.Decode(p)
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		return unknownKey(strict.Errors[0])
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		row, col := bad.Position()
		return fmt.Errorf("%d:%d: %s", row, col, strings.TrimPrefix(bad.Error(), "toml: "))
	}
	return err
}

func unknownKey(e toml.DecodeError) error {
	row, col := e.Position()
	key := e.Key()
	last := key[len(key)-1]
	msg := fmt.Sprintf("%d:%d: unknown key %q", row, col, strings.Join(key, "."))
	keys := keysAt(reflect.TypeFor[Project](), key[:len(key)-1])
	if near := Nearest(last, keys); near != "" {
		return fmt.Errorf("%s; did you mean %q?", msg, near)
	}
	return fmt.Errorf("%s; the keys here are %s", msg, strings.Join(keys, ", "))
}

// keysAt lists the keys that the table at path may have.
func keysAt(t reflect.Type, path []string) []string {
	for t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("toml")
		if len(path) > 0 && key == path[0] {
			return keysAt(f.Type, path[1:])
		}
		if key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

func (p *Project) check() error {
	if p.Name == "" {
		return fmt.Errorf("name is missing; add a line like: name = %q", "counter")
	}
	if !lattice.ValidName(p.Name) {
		return fmt.Errorf("name %q cannot name an actor: use 1 to 64 of a-z, 0-9 and -", p.Name)
	}
	for i, l := range p.Link {
		if (l.Source == "") == (l.Target == "") {
			return fmt.Errorf("link %d: give either source or target; the other side is this actor", i+1)
		}
		if l.Contract == "" {
			return fmt.Errorf("link %d: contract is missing, e.g. contract = %q", i+1, "wasi:keyvalue")
		}
	}
	_, err := p.Limits.parse()
	return err
}

// ParsedLimits are Limits as numbers; zero is the host's default.
type ParsedLimits struct {
	Memory     uint64 // bytes
	Instances  int
	Call, Idle time.Duration
}

// Parsed gives the limits as numbers. Load has checked them.
func (l Limits) Parsed() ParsedLimits {
	p, _ := l.parse()
	return p
}

func (l Limits) parse() (p ParsedLimits, err error) {
	p.Instances = l.Instances
	if l.Instances < 0 || l.Instances > 10000 {
		return p, fmt.Errorf("limits.instances: %d is not between 1 and 10000", l.Instances)
	}
	if p.Memory, err = ParseSize(l.Memory); err != nil {
		return p, fmt.Errorf("limits.memory: %w", err)
	}
	if p.Call, err = parseDuration(l.Call); err != nil {
		return p, fmt.Errorf("limits.call: %w", err)
	}
	if p.Idle, err = parseDuration(l.Idle); err != nil {
		return p, fmt.Errorf("limits.idle: %w", err)
	}
	return p, nil
}

func parseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration like 500ms, 5s or 10m", s)
	}
	return d, nil
}

// ParseSize reads a size like "64MiB", "512KiB", "1GiB" or "65536"; "" is 0.
func ParseSize(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	num, shift := s, 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			num, shift = n, 10*(i+1)
		}
	}
	var v uint64
	if _, err := fmt.Sscanf(num, "%d", &v); err != nil || fmt.Sprint(v) != num || v<<shift>>shift != v || v == 0 {
		return 0, fmt.Errorf("%q is not a size like 512KiB, 64MiB or 1GiB", s)
	}
	return v << shift, nil
}

// Nearest is the candidate that s is most likely a slip for, or "".
func Nearest(s string, candidates []string) string {
	best, at := "", len(s)/2+1
	for _, c := range candidates {
		if d := distance(s, c); d < at {
			best, at = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
