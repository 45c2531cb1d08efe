package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
)

// commandLines are those that print help: for the program and for each command.
func commandLines(app *cli.App) [][]string {
	lines := [][]string{{"pyimg", "--help"}}
	for _, c := range app.Commands {
		lines = append(lines, []string{"pyimg", c.Name, "--help"})
		for _, sub := range c.Subcommands {
			lines = append(lines, []string{"pyimg", c.Name, sub.Name, "--help"})
		}
	}
	return lines
}

func helpOf(t *testing.T, args []string) string {
	t.Helper()
	var out, stderr bytes.Buffer
	con := console.Console{Stdout: &out, Stderr: &stderr, Getenv: func(string) string { return "" }}
	if code := execute(t.Context(), con, args); code != exit.Done || stderr.Len() > 0 {
		t.Fatalf("%q: code %d, %q", args, code, stderr.String())
	}
	return out.String()
}

// TestHelp reads the help of every command: it fits a terminal, and names each flag and its placeholder once.
func TestHelp(t *testing.T) {
	t.Parallel()
	flag := regexp.MustCompile(`(?m)^  (?:--[a-z-]+, -[a-z]|--[a-z-]+)( \S+)?`)
	app := app(console.Console{})
	lines := commandLines(app)
	if len(lines) < 20 {
		t.Fatalf("only %d commands have help", len(lines))
	}
	for _, args := range lines {
		text := helpOf(t, args)
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > cmdline.HelpWidth || strings.HasSuffix(line, " ") {
				t.Errorf("%q: the line %q has %d columns, or ends with a space", args, line, utf8.RuneCountInString(line))
			}
		}
		if strings.ContainsAny(text, "`\t") {
			t.Errorf("%q: a backquote or a tab is left in %q", args, text)
		}
		_, flags, _ := strings.Cut(text, "\nFlags:\n")
		at := flag.FindAllStringSubmatchIndex(flags, -1)
		for i, m := range at {
			end := len(flags)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			entry := flags[m[0]:end]
			if m[2] < 0 || strings.HasPrefix(flags[m[2]:m[3]], "  ") {
				continue
			}
			placeholder := strings.TrimSpace(flags[m[2]:m[3]])
			word := regexp.MustCompile(`(^|[^\w$])` + regexp.QuoteMeta(placeholder) + `($|\W)`)
			if n := len(word.FindAllString(entry, -1)); placeholder == strings.ToUpper(placeholder) && placeholder != "" && n != 1 {
				t.Errorf("%q: the placeholder %q is %d times in %q", args, placeholder, n, entry)
			}
		}
	}
}

// TestFlagsHavePlaceholders looks for a flag whose value has no name, and for a switch that has one.
func TestFlagsHavePlaceholders(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile("^`[^` ]+` [^`]+$")
	var check func(c *cli.Command)
	check = func(c *cli.Command) {
		for _, f := range c.Flags {
			doc, ok := f.(cli.DocGenerationFlag)
			if !ok || cmdline.TakesValue(f) != form.MatchString(doc.GetUsage()) || !cmdline.TakesValue(f) && strings.Contains(doc.GetUsage(), "`") {
				t.Errorf("%s --%s: usage %q, want \"`PLACEHOLDER` text\" for a value and text alone for a switch", c.Name, f.Names()[0], doc.GetUsage())
			}
		}
		for _, sub := range c.Subcommands {
			check(sub)
		}
	}
	for _, c := range app(console.Console{}).Commands {
		check(c)
	}
}

// TestExamplesAreRight takes each example in the help apart as the program would.
func TestExamplesAreRight(t *testing.T) {
	t.Parallel()
	app, found := app(console.Console{}), 0
	for _, args := range commandLines(app) {
		_, text, _ := strings.Cut(helpOf(t, args), "\nExamples:\n")
		text, _, _ = strings.Cut(text, "\n\n")
		for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
			command, _, _ := strings.Cut(line, " | ")
			words := strings.Fields(command)
			if len(words) == 0 || words[0] != "pyimg" {
				continue
			}
			found++
			if in, err := cmdline.Parse(app, words[1:]); err != nil || in.Command == nil {
				t.Errorf("%q: the example %q is taken for %v, %v", args, line, in, err)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d examples were found", found)
	}
}
