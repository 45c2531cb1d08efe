package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// The scripts ask the program itself, which urfave/cli answers to --generate-bash-completion.
const (
	bashCompletion = `_pyimg() {
  local words
  words=("${COMP_WORDS[@]:0:$COMP_CWORD}")
  COMPREPLY=($(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _pyimg pyimg
`
	zshCompletion = `#compdef pyimg
_pyimg() {
  local -a replies
  replies=("${(@f)$(${words[1,$((CURRENT-1))]} --generate-bash-completion 2>/dev/null)}")
  compadd -a replies || _files
}
compdef _pyimg pyimg
`
	fishCompletion = `complete -c pyimg -a '(set -l w (commandline -opc); $w --generate-bash-completion 2>/dev/null)'
`
)

func (p program) completionCommand() *cli.Command {
	return command(&cli.Command{
		Name:        "completion",
		Usage:       "print a shell's completion script",
		ArgsUsage:   "bash|zsh|fish",
		Description: "Example: source <(pyimg completion bash)",
		Action: func(c *cli.Context) error {
			script, ok := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return usagef("completion takes the name of a shell: bash, zsh or fish")
			}
			fmt.Fprint(p.stdout, script)
			return nil
		},
	})
}
