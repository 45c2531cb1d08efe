package check

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers/tree"
)

// shebangSize is how many bytes of a script Linux reads to find its interpreter (BINPRM_BUF_SIZE).
const shebangSize = 256

// shebang splits the #! line of a script as Linux does (fs/binfmt_script.c): the interpreter, and everything after it as one
// argument.
func shebang(n tree.Node) (words []string, err error) {
	line, _, _ := strings.Cut(strings.TrimPrefix(string(n.Entry.Kept), "#!"), "\n")
	if strings.HasSuffix(line, "\r") {
		return nil, errors.New("ends in a carriage return, which Linux reads as part of the interpreter's name")
	}
	line = strings.Trim(line, " \t")
	interpreter, argument := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		interpreter, argument = line[:i], strings.TrimLeft(line[i:], " \t")
	}
	switch {
	case interpreter == "":
		return nil, errors.New("names no interpreter")
	case argument == "" && len(n.Entry.Kept) >= shebangSize && n.Entry.Header.Size > shebangSize:
		return nil, fmt.Errorf("has more than the %d bytes that Linux reads", shebangSize)
	case argument == "":
		return []string{interpreter}, nil
	}
	return []string{interpreter, argument}, nil
}

// script checks a script that the command runs, and goes on to its interpreter.
func (c *checker) script(l launch, called string, n tree.Node) {
	at, h := "/"+n.Path, n.Entry.Header
	l.trail.scripts[n.Path] = true
	words, err := shebang(n)
	if err != nil {
		fix := "name it"
		if strings.HasSuffix(string(n.Entry.Kept), "\r") {
			fix = "save it with Unix line ends"
		}
		c.launchFinding(l, Error, l.check, at, fix, "the #! line of %s %v", at, err)
		return
	}
	if !l.user.may(n, mayRead) {
		c.launchFinding(l, Error, l.check, at, "let the user read it: mode 0755, or another owner",
			"the user %s may run %s but not read it (mode %04o, owner %d:%d), and its interpreter must read it", l.user.label(), at, h.Mode&0o7777, h.Uid, h.Gid)
		return
	}
	next := l
	next.argv = slices.Concat(words, []string{called}, l.argv[1:])
	next.depth, next.check, next.at = l.depth+1, "interpreter", at
	if !strings.HasSuffix(l.where, at) {
		next.where = fmt.Sprintf("%s: %s", l.where, at)
	}
	c.launch(next)
}

// startsEnv goes on to the program that env(1) starts. env looks it up in PATH.
func (c *checker) startsEnv(l launch, n tree.Node) {
	e := envCommand{busybox: c.isBusybox(n)}
	if err := e.parse(l.argv[1:]); err != nil {
		c.launchFinding(l, Error, l.check, "", e.fix(), "%v", err)
		return
	}
	next := e.apply(l)
	if len(next.argv) == 0 {
		return // it prints the environment
	}
	if name := next.argv[0]; strings.ContainsAny(name, " \t") && l.check == "interpreter" {
		if _, _, err := c.whichFrom(next.dir, name, next.paths); err != nil {
			c.launchFinding(l, Error, l.check, "", "name only a program, or split the words with env -S if coreutils is in the image",
				"env looks for a program named %q: a #! line passes everything after the first space as one argument", name)
			return
		}
	}
	c.launch(next)
}

// An envCommand is a command line of env(1), coreutils' or busybox's.
type envCommand struct {
	busybox bool
	opaque  bool     // the string for -S has quotes, variables or comments: pyimg does not know what env starts
	argv    []string // the command that env starts
	vars    []string // the variables that env sets for it
	clear   bool     // the command's environment has only vars
	dir     string   // the command's working directory; "" is the one of env
	splits  int      // how many strings for -S were split
}

// apply turns the launch of env into the launch of its command.
func (e *envCommand) apply(l launch) launch {
	l.argv, l.depth = e.argv, l.depth+1
	if e.dir != "" {
		l.dir = from(l.dir, e.dir)
	}
	if e.clear {
		l.env, l.paths = nil, []string{"/usr/local/bin", "/bin", "/usr/bin"} // of execvp(3) without PATH
	}
	l.env = slices.Concat(l.env, e.vars)
	if paths, set := lookupEnv(e.vars, "PATH"); set {
		l.paths = folders(l.dir, paths)
	}
	return l
}

func (e *envCommand) fix() string {
	if e.busybox {
		return "leave the option out, name the interpreter itself, or add coreutils: busybox's env knows only -i, -0 and -u"
	}
	return "leave the option out"
}

// parse reads env's own options and assignments.
func (e *envCommand) parse(words []string) error {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		word := words[0]
		words = words[1:]
		var err error
		switch {
		case word == "--":
			return e.assign(words)
		case word == "-":
			e.clear = true
		case strings.HasPrefix(word, "--"):
			words, err = e.long(word, words)
		default:
			words, err = e.short(word, words)
		}
		if err != nil || e.opaque {
			return err
		}
	}
	return e.assign(words)
}

func (e *envCommand) assign(words []string) error {
	i := 0
	for i < len(words) && strings.Contains(words[i], "=") {
		i++
	}
	e.vars, e.argv = words[:i], words[i:]
	return nil
}

// short reads a word of one-letter options. It returns the remaining words.
func (e *envCommand) short(word string, words []string) ([]string, error) {
	for i, letter := range word {
		switch {
		case i == 0 || letter == '0' || letter == 'v' && !e.busybox:
		case letter == 'i':
			e.clear = true
		case letter == 'u' || strings.ContainsRune("CSa", letter) && !e.busybox:
			value := word[i+1:]
			if value == "" && len(words) > 0 {
				value, words = words[0], words[1:]
			}
			return e.valued(string(letter), value, words), nil
		case e.busybox:
			return nil, fmt.Errorf("env is busybox's, which does not know the option -%c in %q", letter, word)
		default:
			return nil, fmt.Errorf("env does not know the option -%c in %q", letter, word)
		}
	}
	return words, nil
}

func (e *envCommand) long(word string, words []string) ([]string, error) {
	name, value, attached := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	known := []string{"ignore-environment", "null", "unset"}
	if !e.busybox {
		known = append(known, "chdir", "split-string", "debug", "argv0", "block-signal", "default-signal", "ignore-signal", "list-signal-handling", "help", "version")
	}
	i := slices.IndexFunc(known, func(k string) bool { return strings.HasPrefix(k, name) }) // getopt_long(3) accepts the beginning of an option's name
	if i < 0 {
		return nil, fmt.Errorf("env does not know the option --%s", name)
	}
	switch name = known[i]; name {
	case "ignore-environment":
		e.clear = true
	case "unset", "chdir", "split-string", "argv0":
		if !attached && len(words) > 0 {
			value, words = words[0], words[1:]
		}
		return e.valued(name, value, words), nil
	}
	return words, nil
}

// valued applies an option that has a value. It returns the remaining words.
func (e *envCommand) valued(option, value string, words []string) []string {
	const most = 16 // strings to split; each split copies the words
	switch option {
	case "C", "chdir":
		e.dir = value
	case "S", "split-string":
		if e.splits++; strings.ContainsAny(value, `'"\$#`) || e.splits > most {
			e.opaque = true
			return nil
		}
		return append(strings.Fields(value), words...)
	}
	return words
}

// isBusybox reports whether a program is busybox, under its own name or as a link.
func (c *checker) isBusybox(n tree.Node) bool {
	if strings.HasPrefix(path.Base(n.Path), "busybox") {
		return true
	}
	for _, at := range []string{"bin/busybox", "usr/bin/busybox", "bin/busybox.static"} {
		if b, err := c.Tree.Lookup(at); err == nil && inode(b) == inode(n) {
			return true
		}
	}
	return strings.HasPrefix(path.Base(inode(n)), "busybox")
}

// inode returns the path that all hard links to a file have in common.
func inode(n tree.Node) string {
	if h := n.Entry.Header; h.Typeflag == tar.TypeLink {
		return strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")
	}
	return n.Path
}
