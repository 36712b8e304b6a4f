package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/wattle-io/wattle/lattice/control"
)

func (c *cli) logsCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "logs [ACTOR]",
		Short:             "Show what actors log, as it comes",
		Example:           "  wattle logs counter",
		ValidArgsFunction: c.complete(0, actorNames),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("usage: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.reach(cmd.Context())
			if err != nil {
				return err
			}
			defer r.Close()
			records, err := r.all.Host("").Logs(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			p := newLogPrinter(c.stdout)
			for r := range records {
				p.print(r)
			}
			return nil
		},
	}
}

// logPrinter prints actors' log records, a line each. Control characters of an actor never reach the terminal.
type logPrinter struct {
	mu     sync.Mutex // one line at a time
	w      io.Writer
	colour bool
}

func newLogPrinter(w io.Writer) *logPrinter {
	f, ok := w.(*os.File)
	return &logPrinter{w: w, colour: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""}
}

func (p *logPrinter) print(r control.LogRecord) {
	level := fmt.Sprintf("%-5s", r.Level)
	if p.colour {
		level = colour(r.Level) + level + "\x1b[0m"
	}
	context := r.Attrs["context"]
	if context != "" {
		context += ": "
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, "%s %s %s  %s\n", r.Time.Format("15:04:05.000"), level, r.Name, printable(context+r.Message))
}

// colour is the escape that begins a level's colour.
func colour(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "\x1b[31m"
	case l >= slog.LevelWarn:
		return "\x1b[33m"
	case l >= slog.LevelInfo:
		return "\x1b[36m"
	}
	return "\x1b[2m"
}

// printable replaces what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return '\uFFFD'
	}, s)
}
