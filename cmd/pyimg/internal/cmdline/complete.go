package cmdline

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completeCommand is what the shells' scripts ask: pyimg __complete SHELL WORD..., where the last word is the one to be
// completed, empty or as far as it was typed. It answers with a candidate a line, and with none where files are wanted.
const completeCommand = "__complete"

const (
	bashCompletion = `_pyimg() {
  local IFS=$'\n'
  COMPREPLY=($("$1" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *: ]]; then
    compopt -o nospace 2>/dev/null
  fi
}
complete -o bashdefault -o default -F _pyimg pyimg
`
	zshCompletion = `#compdef pyimg
_pyimg() {
  local -a lines values open
  lines=("${(@f)$("${(Q)words[1]}" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  lines=("${(@)lines:#}")
  if (( ! $#lines )); then
    compset -P '*:'
    _files
    return
  fi
  open=("${(@M)lines:#*:}")
  lines=("${(@)lines:#*:}")
  (( $#open )) && compadd -S '' -a open
  if (( $#lines )); then
    values=("${(@)lines%%$'\t'*}")
    compadd -l -d lines -a values
  fi
}
if [ "$funcstack[1]" = "_pyimg" ]; then _pyimg "$@"; else compdef _pyimg pyimg; fi
`
	fishCompletion = `function __pyimg_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l lines ($words[1] __complete fish $words[2..-1] "$current" 2>/dev/null)
  if test (count $lines) -gt 0
    printf '%s\n' $lines
  else
    __fish_complete_path "$current"
  end
end
complete -c pyimg -f -a '(__pyimg_complete)'
`
)

// CompletionScripts are the scripts of the shells that can be completed in, by the shells' names.
func CompletionScripts() map[string]string {
	return map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
}

// candidate is what a word may be completed to.
type candidate struct{ word, help string }

// Values are what a flag may have, as far as it is typed; none where they are not few.
type Values func(f cli.Flag, typed string) []string

// complete prints the candidates for the last of some words.
func complete(app *cli.App, args []string, values Values) error {
	if len(args) < 2 {
		return nil
	}
	shell, words := args[0], args[1:]
	if shell == "bash" {
		words = joinFlags(words)
	}
	last := words[len(words)-1]
	for _, c := range candidates(app, words[:len(words)-1], last, values) {
		if !strings.HasPrefix(c.word, last) {
			continue
		}
		if shell == "bash" { // completes what follows "=" or ":"
			c.word = c.word[strings.LastIndexAny(last, "=:")+1:]
		}
		printCandidate(app.Writer, shell, c)
	}
	return nil
}

func printCandidate(w io.Writer, shell string, c candidate) {
	if shell == "bash" || c.help == "" {
		fmt.Fprintln(w, c.word)
		return
	}
	fmt.Fprintf(w, "%s\t%s\n", c.word, c.help)
}

// joinFlags undoes that bash cuts words before and after "=" and ":".
func joinFlags(words []string) []string {
	var out []string
	glue := false
	for _, w := range words {
		cut := w == "=" || w == ":"
		if len(out) > 0 && (glue || cut) {
			out[len(out)-1] += w
		} else {
			out = append(out, w)
		}
		glue = cut
	}
	return out
}

// candidates are what the last word may become, after the others.
func candidates(app *cli.App, words []string, last string, values Values) []candidate {
	if len(words) == 0 {
		return commandNames(app.Commands)
	}
	cmd := app.Command(words[0])
	if cmd == nil {
		return nil
	}
	cmd, _, words = subCommand(cmd, nil, words[1:])
	if slices.Contains(words, "--") {
		return nil
	}
	if n := len(words); n > 0 && strings.HasPrefix(words[n-1], "-") && !strings.Contains(words[n-1], "=") {
		if f := findFlag(cmd, words[n-1]); f != nil && TakesValue(f) {
			return plainCandidates("", values(f, last)...)
		}
	}
	if name, value, found := strings.Cut(last, "="); found && strings.HasPrefix(name, "--") {
		if f := findFlag(cmd, name); f != nil {
			return plainCandidates(name+"=", values(f, value)...)
		}
		return nil
	}
	if strings.HasPrefix(last, "-") {
		return flagNames(cmd, words)
	}
	if len(cmd.Subcommands) > 0 {
		return commandNames(cmd.Subcommands)
	}
	if cmd.Name == "completion" && len(words) == 0 {
		return plainCandidates("", "bash", "zsh", "fish")
	}
	return nil
}

func commandNames(commands []*cli.Command) []candidate {
	var out []candidate
	for _, c := range commands {
		out = append(out, candidate{c.Name, c.Usage})
	}
	return out
}

// flagNames are the flags that may still be given: those that are not, and those that may be repeated.
func flagNames(cmd *cli.Command, words []string) []candidate {
	out := []candidate{}
	for _, f := range cmd.Flags {
		repeatable := isRepeatable(f)
		given := slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") && findFlag(cmd, w) == f })
		if given && !repeatable {
			continue
		}
		text := ""
		if doc, ok := f.(cli.DocGenerationFlag); ok {
			text = strings.ReplaceAll(doc.GetUsage(), "`", "")
		}
		out = append(out, candidate{"--" + f.Names()[0], text})
	}
	return append(out, candidate{"--help", "show help"})
}

func plainCandidates(before string, words ...string) []candidate {
	out := make([]candidate, len(words))
	for i, w := range words {
		out[i].word = before + w
	}
	return out
}
