package cmdline

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// HelpWidth is how many columns help takes: that of a terminal that nobody made wider.
const HelpWidth = 80

// help prints what a command does, and its flags.
func help(app *cli.App, in Invocation) {
	if in.Command == nil {
		printHelp(app.Writer, "pyimg", app.Usage, "COMMAND [FLAG...] [ARG...]", app.Description, app.Commands, nil)
		return
	}
	args := strings.TrimSpace("[FLAG...] " + in.Command.ArgsUsage)
	if len(in.Command.Subcommands) > 0 {
		args = "COMMAND [FLAG...] [ARG...]"
	}
	name := "pyimg " + strings.Join(in.names, " ")
	printHelp(app.Writer, name, in.Command.Usage, args, in.Command.Description, in.Command.Subcommands, in.Command.Flags)
}

func printHelp(w io.Writer, name, usage, args, description string, commands []*cli.Command, flags []cli.Flag) {
	fmt.Fprintf(w, "%s\n\nUsage:\n%s\n", wrapped(name+": "+usage, "", "  "), wrapped(name+" "+args, "  ", "      "))
	text, examples, _ := strings.Cut(description, "Example: ")
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintln(w)
		for _, paragraph := range strings.Split(text, "\n\n") {
			fmt.Fprintln(w, wrapped(paragraph, "", ""))
		}
	}
	if len(commands) > 0 {
		fmt.Fprintf(w, "\nCommands:\n")
	}
	for _, c := range commands {
		fmt.Fprintln(w, wrapped(c.Usage, fmt.Sprintf("  %-12s", c.Name), strings.Repeat(" ", 14)))
	}
	if examples != "" {
		fmt.Fprintf(w, "\nExamples:\n")
		for line := range strings.Lines(examples) {
			printExample(w, strings.TrimSpace(line))
		}
	}
	fmt.Fprintf(w, "\nFlags:\n")
	for _, f := range flags {
		printFlag(w, f)
	}
	printOption(w, "--help, -h", "show this")
}

// printExample prints a command line, a comment on it before it, and cuts it where it is too long as a shell would take it:
// before a flag, whose value stays with it.
func printExample(w io.Writer, line string) {
	command, comment, found := strings.Cut(line, "  # ")
	if found {
		fmt.Fprintln(w, wrapped(comment, "  # ", "  # "))
	}
	var parts []string
	for _, word := range strings.Fields(command) {
		if n := len(parts); n > 0 && strings.HasPrefix(parts[n-1], "-") && !strings.Contains(parts[n-1], " ") {
			parts[n-1] += " " + word
		} else {
			parts = append(parts, word)
		}
	}
	lines := wrap(HelpWidth, parts, "  ", "      ")
	if len(lines) > 1 { // room for what joins them
		lines = wrap(HelpWidth-2, parts, "  ", "      ")
	}
	fmt.Fprintln(w, strings.Join(lines, " \\\n"))
}

// printFlag prints a flag with the placeholder of its value, which its usage begins with in backquotes.
func printFlag(w io.Writer, f cli.Flag) {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return
	}
	var names []string
	for _, n := range f.Names() {
		if len(n) == 1 {
			names = append(names, "-"+n)
		} else {
			names = append(names, "--"+n)
		}
	}
	name, text := strings.Join(names, ", "), doc.GetUsage()
	if placeholder, rest, ok := strings.Cut(strings.TrimPrefix(text, "`"), "`"); ok {
		name, text = name+" "+placeholder, strings.TrimSpace(rest)
	}
	printOption(w, name, text+ending(f))
}

// printOption prints what is left of a text on its line where there is room, else on the next.
func printOption(w io.Writer, name, text string) {
	const column = 22
	indent := strings.Repeat(" ", column)
	if first := "  " + name; utf8.RuneCountInString(first) <= column-2 {
		fmt.Fprintln(w, wrapped(text, fmt.Sprintf("%-*s", column, first), indent))
		return
	}
	fmt.Fprintln(w, wrapped(name, "  ", "    "))
	fmt.Fprintln(w, wrapped(text, indent, indent))
}

// ending says what a flag has without being given, or that it may be given more than once; "" where its usage says the
// former, or that is nothing.
func ending(f cli.Flag) string {
	if isRepeatable(f) {
		return " (repeatable)"
	}
	value := ""
	switch f := f.(type) {
	case *cli.StringFlag:
		value = f.Value
	case *cli.IntFlag:
		if value = f.DefaultText; value == "" {
			value = fmt.Sprint(f.Value)
		}
	}
	if value == "" {
		return ""
	}
	return fmt.Sprintf(" (default: %s)", value)
}

// wrapped is text in lines of at most HelpWidth columns, the first one after one string, the others after another.
func wrapped(text, first, others string) string {
	return strings.Join(wrap(HelpWidth, strings.Fields(text), first, others), "\n")
}

// wrap puts words into lines. A word that is too long has a line of its own.
func wrap(width int, words []string, first, others string) []string {
	var lines []string
	line, empty := first, true
	for _, word := range words {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line, empty = others, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return append(lines, line)
}
