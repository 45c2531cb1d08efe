package check

import (
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers/tree"
)

// A starter is a program that starts the command after its own options and operands, such as tini.
type starter struct {
	valued   []string // options whose value is the next word
	operands int      // how many words it takes before the command
	user     bool     // the first operand is the user that the program runs as
}

func starterNamed(name string) (starter, bool) {
	switch name {
	case "tini", "tini-static", "docker-init":
		return starter{valued: []string{"-p", "-e"}}, true
	case "dumb-init":
		return starter{valued: []string{"-r", "--rewrite"}}, true
	case "catatonit", "nohup", "setsid":
		return starter{}, true
	case "su-exec", "gosu", "s6-setuidgid", "setuidgid":
		return starter{operands: 1, user: true}, true
	case "nice":
		return starter{valued: []string{"-n", "--adjustment"}}, true
	case "stdbuf":
		return starter{valued: []string{"-i", "-o", "-e", "--input", "--output", "--error"}}, true
	case "timeout":
		return starter{valued: []string{"-s", "-k", "--signal", "--kill-after"}, operands: 1}, true
	}
	return starter{}, false
}

// rest splits the words after the starter into its operands and the command that it starts.
func (s starter) rest(words []string) (operands, rest []string) {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		word := words[0]
		words = words[1:]
		if word == "--" {
			break
		}
		if slices.Contains(s.valued, word) && len(words) > 0 {
			words = words[1:]
		}
	}
	n := min(s.operands, len(words))
	return words[:n], words[n:]
}

// starts goes on to the command or file that a program is to run.
func (c *checker) starts(l launch, called string, n tree.Node) {
	name := path.Base(called)
	if isShell(name) || strings.HasPrefix(name, "busybox") {
		if c.oneArgument(l) {
			return
		}
	}
	if strings.HasPrefix(name, "busybox") && len(l.argv) > 1 {
		name, l.argv = path.Base(l.argv[1]), l.argv[1:]
	}
	if s, is := starterNamed(name); is {
		operands, rest := s.rest(l.argv[1:])
		if len(rest) == 0 {
			return // the arguments given when the container starts may follow
		}
		next := l
		next.argv, next.depth = rest, l.depth+1
		if s.user && len(operands) > 0 {
			next.user = c.readUser(operands[0])
		}
		c.launch(next)
		return
	}
	switch {
	case name == "env":
		c.startsEnv(l, n)
		return
	case isPythonName(name):
		c.runsPython(l, called, n)
	case isShell(name):
		c.runsShell(l)
	}
	preload, _ := lookupEnv(l.env, "LD_PRELOAD")
	if preload != "" && static(c.Objects[n.Path]) && (isPythonName(name) || l.check != "interpreter" && !c.startsAnother(l)) {
		c.launchFinding(l, Warning, "preload", "/"+n.Path, "use a build that is linked dynamically, or unset LD_PRELOAD",
			"/%s is linked statically: LD_PRELOAD has no effect, so no allocator is loaded", n.Path)
	}
}

// oneArgument reports a #! line that passes several words to a shell or busybox, which reads them as one option or applet.
func (c *checker) oneArgument(l launch) bool {
	if l.check != "interpreter" || len(l.argv) < 3 || !strings.ContainsAny(l.argv[1], " \t") {
		return false
	}
	c.launchFinding(l, Error, l.check, "", "join the options (-eu), or set them in the script (set -e -u)",
		"%s does not know %q: a #! line passes everything after the first space as one argument", l.argv[0], l.argv[1])
	return true
}

// startsAnother reports whether a program seems to be a shell, or to start another program that is one of its operands:
// LD_PRELOAD is then meant for that program.
func (c *checker) startsAnother(l launch) bool {
	if isShell(path.Base(l.argv[0])) {
		return true
	}
	const most = 16 // operands
	return slices.ContainsFunc(l.argv[1:min(len(l.argv), most)], func(word string) bool {
		_, n, err := c.whichFrom(l.dir, word, l.paths)
		return err == nil && !n.IsDir() && n.Entry.Header.Mode&0o111 != 0
	})
}

func isShell(name string) bool { return slices.Contains([]string{"sh", "ash", "dash", "bash"}, name) }

// isPythonName reports whether a name is like python, python3, python3.13 or python3.13t.
func isPythonName(name string) bool {
	rest, is := strings.CutPrefix(name, "python")
	return is && strings.Trim(strings.TrimSuffix(rest, "t"), "0123456789.") == ""
}

// runsShell checks the script that a shell is to run, or the text after -c if it is a simple command.
func (c *checker) runsShell(l launch) {
	words := l.argv[1:]
	for len(words) > 0 && len(words[0]) > 1 && strings.ContainsAny(words[0][:1], "-+") {
		word := words[0]
		words = words[1:]
		switch {
		case word == "--":
		case strings.HasPrefix(word, "--"):
			return // bash's long options
		case strings.Contains(word, "s"):
			return
		case strings.Contains(word, "c"):
			if len(words) > 0 {
				c.simpleCommand(l, words[0])
			}
			return
		case strings.HasSuffix(word, "o") && len(words) > 0, strings.HasSuffix(word, "O") && len(words) > 0:
			words = words[1:]
		}
		if word == "--" {
			break
		}
	}
	if len(words) > 0 && strings.Contains(words[0], "/") { // the shell looks other names up in PATH, too
		c.readsFile(l, "shell-file", path.Base(l.argv[0]), words[0])
	}
}

// simpleCommand goes on to the command in the text after -c, such as Dockerfiles write (CMD python3 main.py). It skips text with
// the shell's special characters, and commands that are not in PATH: they may be the shell's own. python is never the shell's
// own.
func (c *checker) simpleCommand(l launch, text string) {
	words := strings.Fields(text)
	if len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	if len(words) == 0 || l.check == "interpreter" || strings.ContainsAny(text, "$|&;<>()`\\*?[]{}~#!='\"\n") {
		return
	}
	if _, _, err := c.whichFrom(l.dir, words[0], l.paths); err != nil && !isPythonName(path.Base(words[0])) {
		return
	}
	l.argv, l.depth = words, l.depth+1
	c.launch(l)
}

// readsFile checks that an interpreter finds the file that it is to run, and may read it. If so, it returns the file.
func (c *checker) readsFile(l launch, check, interpreter, name string) (n tree.Node, ok bool) {
	at := from(l.dir, name)
	if c.filledLater(at) {
		return n, false
	}
	severity := Error
	if c.inVolume(at) {
		severity = Warning
	}
	n, err := c.Tree.Lookup(at)
	if err != nil {
		c.launchFinding(l, severity, check, at, "add the file, or set workdir to the folder that contains it", "%s is to run %s, which is not in the image: %v%s",
			interpreter, at, err, c.sameName(path.Base(at)))
		return n, false
	}
	h := n.Entry.Header
	if dir := c.barrier(l.user, at); dir != "" {
		c.launchFinding(l, Error, check, at, "give the folder another mode or owner", "the user %s may not enter %s, which contains %s", l.user.label(), dir, at)
		return n, false
	}
	if !l.user.may(n, mayRead) {
		c.launchFinding(l, Error, check, at, "give it another mode or owner", "the user %s may not read %s (mode %04o, owner %d:%d), which %s is to run",
			l.user.label(), at, h.Mode&0o7777, h.Uid, h.Gid, interpreter)
		return n, false
	}
	return n, true
}

// filledLater reports whether a path is in a folder that is filled only when a container runs.
func (c *checker) filledLater(at string) bool {
	return slices.ContainsFunc([]string{"/proc", "/dev", "/sys", "/run", "/var/run", "/tmp"}, func(dir string) bool { return below(at, dir) })
}

// inVolume reports whether a path is in a volume of the image's configuration.
func (c *checker) inVolume(at string) bool {
	for volume := range c.Config.Volumes {
		if below(at, path.Clean(volume)) {
			return true
		}
	}
	return false
}

func below(at, dir string) bool {
	return at == dir || strings.HasPrefix(at, strings.TrimSuffix(dir, "/")+"/")
}

// sameName names a file of that name in another folder of the image, for a message.
func (c *checker) sameName(base string) string {
	for n := range c.Tree.All() {
		if !n.IsDir() && path.Base(n.Path) == base && !strings.Contains(n.Path, "/lib/python3") {
			return " (there is /" + n.Path + ")"
		}
	}
	return ""
}
