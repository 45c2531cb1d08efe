package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
)

// TestDocumentsNameWhatExists reads the commands in README.md, docs and examples: each is a command, with flags that it has.
func TestDocumentsNameWhatExists(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("../../examples/*/README.md")
	if err != nil || len(examples) == 0 {
		t.Fatalf("there are no examples, %v", err)
	}
	app, found := app(console.Console{}), 0
	command := regexp.MustCompile("(?m)(?:^ {4,}(?:\\$ )?|`|\\(|: \\| |run: )pyimg ([a-z][^`\\n]*(?:\\\\\\n[^`\\n]*)*)")
	for _, path := range append(append(paths, examples...), "../../README.md", "../../examples/README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			found++
			line, _, _ := strings.Cut(m[1], " #")
			line, _, _ = strings.Cut(line, " | ")
			if wrong := notThere(app, strings.Fields(strings.ReplaceAll(line, "\\\n", " "))); wrong != "" {
				t.Errorf("%s: \"pyimg %s\": there is no %s", path, line, wrong)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d commands were found", found)
	}
}

// notThere returns the first word of a command line that is no command or no flag of its command; "" if there is none.
// Words such as plan|build name several subcommands.
func notThere(app *cli.App, words []string) string {
	c := app.Command(words[0])
	if c == nil {
		return "command " + words[0]
	}
	flags := c.Flags
	if len(c.Subcommands) > 0 && len(words) > 1 && !strings.HasPrefix(words[1], "-") {
		for name := range strings.SplitSeq(strings.ReplaceAll(words[1], `\|`, "|"), "|") {
			i := slices.IndexFunc(c.Subcommands, func(s *cli.Command) bool { return s.HasName(name) })
			if i < 0 {
				return "command " + words[0] + " " + name
			}
			flags = c.Subcommands[i].Flags
		}
	}
	for _, word := range words[1:] {
		name, isFlag := strings.CutPrefix(word, "--")
		name, _, _ = strings.Cut(strings.TrimRight(name, ",.;:)"), "=")
		has := func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }
		if isFlag && name != "" && name != "help" && !slices.ContainsFunc(flags, has) {
			return "flag --" + name
		}
	}
	return ""
}

// TestReferenceListsAllCommands holds README's table of commands against the program.
func TestReferenceListsAllCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## Reference\n")
	table, _, _ = strings.Cut(table, "\n\n`pyimg COMMAND --help`")
	for _, c := range app(console.Console{}).Commands {
		if !c.Hidden && !regexp.MustCompile("`pyimg "+c.Name+"\\b").MatchString(table) {
			t.Errorf("README.md's table does not have \"pyimg %s\"", c.Name)
		}
		for _, sub := range c.Subcommands {
			if !sub.Hidden && !regexp.MustCompile("`pyimg "+c.Name+" ([a-z]+\\\\\\|)*"+sub.Name+"\\b").MatchString(table) {
				t.Errorf("README.md's table does not have \"pyimg %s %s\"", c.Name, sub.Name)
			}
		}
	}
}
