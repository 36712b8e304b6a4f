package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
)

// table is the result of a topic: Markdown that can be read as it is.
type table struct {
	title string
	note  string // below the title, may be empty
	head  []string
	rows  [][]string
	goals []goal
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// goal is what DESIGN.md asks of a figure.
type goal struct {
	text string // "≤ 2.5 × raw wazero"
	got  string
	met  bool
}

// atMost is the goal that a ratio or measure stays within a limit.
func atMost(what string, got, limit float64, format string) goal {
	return goal{fmt.Sprintf("%s ≤ "+format, what, limit), fmt.Sprintf(format, got), got <= limit}
}

// atLeast is the goal that a ratio or measure reaches a limit.
func atLeast(what string, got, limit float64, format string) goal {
	return goal{fmt.Sprintf("%s ≥ "+format, what, limit), fmt.Sprintf(format, got), got >= limit}
}

func (t table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", t.title)
	if t.note != "" {
		fmt.Fprintf(&b, "%s\n\n", t.note)
	}
	t.grid(&b)
	if len(t.goals) > 0 {
		b.WriteString("\n")
	}
	for _, g := range t.goals {
		fmt.Fprintf(&b, "- goal %s: **%s**, %s\n", g.text, g.got, pick(g.met, "met", "missed"))
	}
	return b.String()
}

// grid writes the rows with their columns aligned; all but the first to the right.
func (t table) grid(b *strings.Builder) {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c), 3)
		}
	}
	line(b, t.head, width)
	for i, w := range width {
		b.WriteString(pick(i == 0, "| "+strings.Repeat("-", w)+" ", "| "+strings.Repeat("-", w-1)+": "))
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(b, row, width)
	}
}

func line(b *strings.Builder, cells []string, width []int) {
	for i, w := range width {
		pad := strings.Repeat(" ", w-utf8.RuneCountInString(cells[i]))
		b.WriteString(pick(i == 0, "| "+cells[i]+pad+" ", "| "+pad+cells[i]+" "))
	}
	b.WriteString("|\n")
}

// machine says what the figures were measured on, and what else it was doing.
func machine(quick bool) string {
	s := fmt.Sprintf("%s · %s/%s, %d cores%s · %s · load average at the start %s\n", time.Now().Format("2006-01-02 15:04"), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), cpuModel(), runtime.Version(), loadAverage())
	if quick {
		s += "\nA quick run: it shows that everything works, not how fast it is.\n"
	}
	return s
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for l := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			return " (" + strings.TrimSpace(value) + ")"
		}
	}
	return ""
}

// loadAverage is how many threads wanted to run lately: over 1, 5 and 15 minutes.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(b)); err == nil && len(f) >= 3 {
		return strings.Join(f[:3], " ")
	}
	return "unknown"
}

// The marks around what -update replaces.
const (
	beginMark = "<!-- figures: begin -->\n"
	endMark   = "<!-- figures: end -->"
)

// replaceMarked puts text between the marks of a file.
func replaceMarked(path, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(old, []byte(beginMark))
	_, after, ok2 := bytes.Cut(rest, []byte(endMark))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks %q and %q", path, strings.TrimSpace(beginMark), endMark)
	}
	return os.WriteFile(path, []byte(string(before)+beginMark+text+endMark+string(after)), 0o644)
}
