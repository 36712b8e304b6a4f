package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestEveryCommandSaysWhatItDoesWithAnExample(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" {
			t.Errorf("%s has no short help", cmd.CommandPath())
		}
		if !cmd.HasSubCommands() && !strings.Contains(cmd.Example, "wattle ") {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	for _, cmd := range (&cli{}).root().Commands() {
		walk(cmd)
	}
}

func TestWhatListsHasJSON(t *testing.T) {
	root := (&cli{}).root()
	for _, path := range []string{"get hosts", "get actors", "get providers", "get links", "link list", "keys list", "inspect"} {
		cmd, _, err := root.Find(strings.Fields(path))
		if err != nil || cmd.Flag("json") == nil {
			t.Errorf("%s has no --json (%v)", path, err)
		}
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"--help"}, 0},
		{[]string{"completion", "bash"}, 0},
		{[]string{"--version"}, 0},
		{[]string{"--dir", dir, "get", "actors"}, exitFailed},
		{[]string{"--dir", dir, "inspect", "no-such-file"}, exitFailed},
		{[]string{"nonsense"}, exitUsage},
		{[]string{"get", "nonsense"}, exitUsage},
		{[]string{"start"}, exitUsage},
		{[]string{"start", "a", "b"}, exitUsage},
		{[]string{"start", "--nonsense", "x"}, exitUsage},
		{[]string{"sign", "x.wasm"}, exitUsage},
		{[]string{"call", "a", "b", "{"}, exitUsage},
		{[]string{"link", "put", "a", "b", "c", "--config", "novalue"}, exitUsage},
	} {
		var out, errs bytes.Buffer
		if code := run(c.args, strings.NewReader(""), &out, &errs); code != c.code {
			t.Errorf("wattle %s: exit code %d, want %d\n%s", strings.Join(c.args, " "), code, c.code, errs.String())
		}
		if c.code != 0 && (errs.Len() == 0 || out.Len() != 0) {
			t.Errorf("wattle %s: the error belongs on stderr alone: %q, %q", strings.Join(c.args, " "), out.String(), errs.String())
		}
	}
}

func TestControlCharactersOfAnActorNeverReachTheTerminal(t *testing.T) {
	if got := printable("a\x1b[31mb\rc\nd\u009be\tf"); got != "a\uFFFD[31mb\uFFFDc\uFFFDd\uFFFDe\tf" {
		t.Errorf("%q", got)
	}
}
