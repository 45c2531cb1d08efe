package cmdline_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/internal/exit"
)

// TestGroup runs the commands of a group as people type them.
func TestGroup(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, want, fault string }{
		{line: "pyimg box open A", want: "A []"},
		{line: "pyimg box open --with key A", want: "A [key]"},
		{line: "pyimg box open A --with key --with=saw", want: "A [key saw]"},
		{line: "pyimg box --with key open A", want: "A [key]"},
		{line: "pyimg box open -- --with", want: "--with []"},
		{line: "pyimg box open open", want: "open []"},
		{line: "pyimg box open -h", want: "pyimg box open [FLAG...] THING"},
		{line: "pyimg box open A --maybe", want: "A [alone]"},
		{line: "pyimg box open --maybe it A", want: "A [it]"},
		{line: "pyimg box open --maybe A.thing", want: "A.thing [alone]"},
		{line: "pyimg box open --maybe=A.thing B", want: "B [A.thing]"},
		{line: "pyimg box open --maybe --with key A", want: "A [key alone]"},
		{line: "pyimg box open --maybe -- A", want: "A [alone]"},
		{line: "pyimg box open --maybe one --maybe two --maybe", want: " [one two alone]"},
		{line: "pyimg box -h", want: "pyimg box COMMAND"},
		{line: "pyimg box", fault: `box needs a command; its commands are open; see "pyimg box --help"`},
		{line: "pyimg box shut A", fault: `box has no command "shut"; its commands are open; see "pyimg box --help"`},
		{line: "pyimg box --nonsense", fault: `box has no flag --nonsense; see "pyimg box --help"`},
		{line: "pyimg box open --nonsense", fault: `box open has no flag --nonsense; see "pyimg box open --help"`},
		{line: "pyimg help box open", want: "pyimg box open [FLAG...] THING"},
		{line: "pyimg box open A -- -h", want: "A -h []"},
		{line: "pyimg box opne A", fault: `box has no command "opne"; did you mean "pyimg box open"?; its commands are open; see "pyimg box --help"`},
		{line: "pyimg bxo", fault: `no command "bxo"; did you mean "pyimg box"?; "pyimg --help" lists them`},
		{line: "pyimg open", fault: `no command "open"; did you mean "pyimg box open"?; "pyimg --help" lists them`},
		{line: "pyimg nothing-like-it", fault: `no command "nothing-like-it"; "pyimg --help" lists them`},
		{line: "pyimg box open --widh=key", fault: `box open has no flag --widh; did you mean --with?; see "pyimg box open --help"`},
		{line: "pyimg --with box", fault: `flag --with comes before a command; flags follow it, as in "pyimg COMMAND --with"`},
		{line: "pyimg box open A --with", fault: `flag --with needs a value; see "pyimg box open --help"`},
	} {
		var out bytes.Buffer
		app := cmdline.App(&cli.App{Writer: &out})
		app.Commands = []*cli.Command{cmdline.Group("box", "hold things", cmdline.Command(&cli.Command{
			Name: "open", Usage: "open it", ArgsUsage: "THING",
			Flags: []cli.Flag{&cli.StringSliceFlag{Name: "with"}, &cmdline.OptionalFlag{StringSliceFlag: &cli.StringSliceFlag{Name: "maybe"},
				Alone: "alone", Argument: func(arg string) bool { return strings.HasSuffix(arg, ".thing") }}},
			Action: func(c *cli.Context) error {
				values := append(c.StringSlice("with"), c.StringSlice("maybe")...)
				out.WriteString(strings.Join(c.Args().Slice(), " ") + " [" + strings.Join(values, " ") + "]")
				return nil
			},
		}))}
		err := cmdline.Run(t.Context(), app, strings.Fields(test.line), nil)
		if test.fault != "" {
			if err == nil || err.Error() != test.fault || exit.Of(err) != exit.Usage {
				t.Errorf("%q: error %v, want %q as wrong use", test.line, err, test.fault)
			}
			continue
		}
		if err != nil || !strings.Contains(out.String(), test.want) {
			t.Errorf("%q: printed %q and gave %v, want %q", test.line, out.String(), err, test.want)
		}
	}
}
