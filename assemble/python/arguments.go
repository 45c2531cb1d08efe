package python

import (
	"fmt"
	"strings"
)

// Arguments is a command line of CPython, parsed as CPython does (Python/getopt.c, Python/initconfig.c).
type Arguments struct {
	File   string // the script, a folder or zip file with a __main__.py
	Module string // of -m
	// Without File and Module, Python runs the code of -c or of standard input, or prints something and ends.

	IgnoreEnvironment bool // -E, -I: Python ignores PYTHONPATH and the like
	SafePath          bool // -P, -I: the working directory is not searched for modules
	NoSite            bool // -S: Python ignores site-packages and .pth files
	NoUserSite        bool // -s, -I: Python ignores the user's site-packages
	Optimize          int  // how many -O
	NoBytecode        bool // -B: no bytecode is written
}

// ParseArguments parses the words after the interpreter's name. Its version is 3.minor; minor is 0 if the version is not known.
// The error says why Python would print its usage and end.
func ParseArguments(words []string, minor int) (Arguments, error) {
	a, p := Arguments{}, options{words: words, known: shortOptions(minor)}
	prints := false
	for {
		option, value, err := p.next()
		if err != nil {
			return a, err
		}
		switch option {
		case 0:
			if len(p.words) > 0 && p.words[0] != "-" {
				a.File = p.words[0]
			}
		case 'c':
		case 'm':
			a.Module = value
		case 'h', '?', 'V':
			prints = true
			continue
		default:
			a.note(option)
			continue
		}
		if prints {
			a.File, a.Module = "", ""
		}
		return a, nil
	}
}

func (a *Arguments) note(option byte) {
	switch option {
	case 'I':
		a.IgnoreEnvironment, a.SafePath, a.NoUserSite = true, true, true
	case 'E':
		a.IgnoreEnvironment = true
	case 'P':
		a.SafePath = true
	case 'S':
		a.NoSite = true
	case 's':
		a.NoUserSite = true
	case 'O':
		a.Optimize++
	case 'B':
		a.NoBytecode = true
	}
}

// shortOptions are the one-letter options; a colon follows those that have a value.
func shortOptions(minor int) string {
	const all = "bBc:dEhiIm:OPqRsStuvVW:xX:?"
	if minor > 0 && minor < 11 {
		return strings.Replace(all, "P", "", 1)
	}
	return all
}

// options reads options one by one, as _PyOS_GetOpt does.
type options struct {
	words []string // the remaining words
	open  string   // the remaining letters of the last word
	known string
}

// next returns the next option, or 0 after the last one.
func (o *options) next() (option byte, value string, err error) {
	if o.open == "" {
		if len(o.words) == 0 || len(o.words[0]) < 2 || o.words[0][0] != '-' {
			return 0, "", nil
		}
		word := o.words[0]
		o.words = o.words[1:]
		if word == "--" {
			return 0, "", nil
		}
		if long, is := strings.CutPrefix(word, "--"); is {
			return o.long(long)
		}
		o.open = word[1:]
	}
	option, o.open = o.open[0], o.open[1:]
	at := strings.IndexByte(o.known, option)
	switch {
	case at < 0 || option == ':':
		return 0, "", fmt.Errorf("-%c is not an option of this Python", option)
	case !strings.HasPrefix(o.known[at+1:], ":"):
		return option, "", nil
	case o.open != "":
		value, o.open = o.open, ""
		return option, value, nil
	}
	value, err = o.value("-" + string(option))
	return option, value, err
}

func (o *options) long(name string) (option byte, value string, err error) {
	switch name {
	case "help", "help-env", "help-xoptions", "help-all":
		return 'h', "", nil
	case "version":
		return 'V', "", nil
	case "check-hash-based-pycs":
		value, err = o.value("--" + name)
		return ' ', value, err // no field depends on it
	}
	return 0, "", fmt.Errorf("--%s is not an option of Python", name)
}

func (o *options) value(of string) (string, error) {
	if len(o.words) == 0 {
		return "", fmt.Errorf("the option %s needs a value", of)
	}
	value := o.words[0]
	o.words = o.words[1:]
	return value, nil
}
