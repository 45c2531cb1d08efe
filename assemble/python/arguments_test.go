package python_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/python"
)

func TestParseArguments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line  string
		minor int
		want  python.Arguments
		fails bool
	}{
		{line: ""},
		{line: "app.py", want: python.Arguments{File: "app.py"}},
		{line: "app.py -m x", want: python.Arguments{File: "app.py"}},
		{line: "-u app.py", want: python.Arguments{File: "app.py"}},
		{line: "-uBOO app.py", want: python.Arguments{File: "app.py", NoBytecode: true, Optimize: 2}},
		{line: "-X dev -Xfaulthandler -W ignore -Werror app.py", want: python.Arguments{File: "app.py"}},
		{line: "-uX dev -m app", want: python.Arguments{Module: "app"}},
		{line: "-mapp.cli x", want: python.Arguments{Module: "app.cli"}},
		{line: "-Im app", want: python.Arguments{Module: "app", IgnoreEnvironment: true, SafePath: true, NoUserSite: true}},
		{line: "-EsSP app", want: python.Arguments{File: "app", IgnoreEnvironment: true, SafePath: true, NoUserSite: true, NoSite: true}},
		{line: "-c print(1) app.py"},
		{line: "-uc print(1)"},
		{line: "-cprint(1)"},
		{line: "-- -x.py", want: python.Arguments{File: "-x.py"}},
		{line: "- app.py"},
		{line: "-V app.py"},
		{line: "--version -m app"},
		{line: "--check-hash-based-pycs never app.py", want: python.Arguments{File: "app.py"}},
		{line: "--help-all app.py"},
		{line: "-P app.py", minor: 11, want: python.Arguments{File: "app.py", SafePath: true}},
		{line: "-P app.py", minor: 10, fails: true},
		{line: "-m", fails: true},
		{line: "-c", fails: true},
		{line: "-X", fails: true},
		{line: "-uz app.py", fails: true},
		{line: "-J", fails: true},
		{line: "-: app.py", fails: true},
		{line: "--check-hash-based-pycs", fails: true},
		{line: "--unbuffered app.py", fails: true},
	} {
		got, err := python.ParseArguments(strings.Fields(test.line), test.minor)
		if (err != nil) != test.fails {
			t.Errorf("ParseArguments(%q) = %v, want an error: %v", test.line, err, test.fails)
		}
		if err == nil && got != test.want {
			t.Errorf("ParseArguments(%q) = %+v, want %+v", test.line, got, test.want)
		}
	}
}

func FuzzParseArguments(f *testing.F) {
	f.Add("-uBX dev -Im app", 13)
	f.Add("-- -x.py", 0)
	f.Add("--check-hash-based-pycs - -", 9)
	f.Fuzz(func(t *testing.T, line string, minor int) {
		words := strings.Split(line, " ")
		a, err := python.ParseArguments(words, minor)
		if a.File != "" && a.Module != "" || err == nil && len(a.File)+len(a.Module) > len(line) {
			t.Errorf("ParseArguments(%q) = %+v, %v", words, a, err)
		}
	})
}
