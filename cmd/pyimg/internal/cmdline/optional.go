package cmdline

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// An OptionalFlag may be given without a value: at the end of the command line, before another flag, or before an argument that is
// no value.
type OptionalFlag struct {
	*cli.StringSliceFlag
	Alone    string                // its value then
	Argument func(arg string) bool // reports whether what follows the flag is an argument
}

// isRepeatable reports whether a flag may be given more than once.
func isRepeatable(f cli.Flag) bool {
	_, list := f.(*cli.StringSliceFlag)
	_, optional := f.(*OptionalFlag)
	return list || optional
}

// isAlone reports whether the flag has no value among what follows it.
func (f *OptionalFlag) isAlone(following []string) bool {
	return len(following) == 0 || strings.HasPrefix(following[0], "-") || f.Argument(following[0])
}
