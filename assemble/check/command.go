package check

import (
	"archive/tar"
	"debug/elf"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/loader"
	"github.com/pyimg/pyimg/layers/tree"
)

// A launch is a command line on its way to a program: the image's own, what a script's #! line makes of it, or what env,
// tini and the like start in their place.
type launch struct {
	argv  []string
	user  account
	env   []string
	dir   string   // where it starts
	paths []string // PATH
	depth int      // how many launches led here

	check string // name of the check for findings about the program itself
	where string // the field of the configuration, and the scripts that led here
	at    string // path for findings without a path of their own; "" is the configuration

	trail *trail
}

// A trail is where the image's command leads.
type trail struct {
	program tree.Node       // the last program that it starts, if that was found
	python  *pythonRun      // the last Python that it starts
	started map[string]bool // paths of programs
	scripts map[string]bool // paths of scripts
}

// maxLaunches bounds how many commands start each other in turn; Linux gives up after five scripts.
const maxLaunches = 12

// command checks what a container runs: entrypoint followed by cmd, or only cmd.
func (c *checker) command() trail {
	leads := trail{started: map[string]bool{}, scripts: map[string]bool{}}
	field := "entrypoint"
	if len(c.Config.Entrypoint) == 0 {
		field = "cmd"
	}
	l := launch{argv: slices.Concat(c.Config.Entrypoint, c.Config.Cmd), user: c.user, env: c.Config.Env, dir: from("/", c.Config.WorkingDir), paths: c.runtimePaths(),
		check: field, where: field, trail: &leads}
	if len(l.argv) > 0 {
		c.launch(l)
	}
	return leads
}

// healthcheck looks up the program of the healthcheck. A container without it starts, and never becomes healthy.
func (c *checker) healthcheck() {
	h := c.Config.Healthcheck
	if h == nil || len(h.Test) < 2 {
		return
	}
	command, fix := h.Test[1], "add the package, runtime or file that contains it"
	if h.Test[0] == "CMD-SHELL" {
		command, fix = "/bin/sh", "add a shell, or give the test as a list that begins with CMD"
	}
	if _, _, err := c.whichFrom(from("/", c.Config.WorkingDir), command, c.runtimePaths()); err != nil {
		c.find(Warning, "healthcheck", absolute(command), fix, "healthcheck: %v", err)
	}
}

// runtimePaths returns the folders in which runc finds a bare command: it refuses relative ones (Go's os/exec).
func (c *checker) runtimePaths() []string {
	list, set := lookupEnv(c.Config.Env, "PATH")
	if !set {
		return c.paths
	}
	absolute := slices.DeleteFunc(strings.Split(list, ":"), func(dir string) bool { return !path.IsAbs(dir) })
	return folders("/", strings.Join(absolute, ":"))
}

// launchFinding adds a finding about a launch.
func (c *checker) launchFinding(l launch, severity Severity, check, at, fix, format string, args ...any) {
	if at == "" {
		at = l.at
	}
	c.find(severity, check, at, fix, "%s: %s", l.where, fmt.Sprintf(format, args...))
}

// launch follows a command through PATH, symlinks, #! lines and programs that start others, up to the last program. See
// execve(2).
func (c *checker) launch(l launch) {
	command := l.argv[0]
	if l.depth > maxLaunches {
		c.launchFinding(l, Error, l.check, l.at, "name a program in the last #! line", "too many commands start each other in turn, up to %s", command)
		return
	}
	called, n, err := c.whichFrom(l.dir, command, l.paths)
	if err != nil {
		c.launchFinding(l, Error, l.check, absolute(command), "add the package, runtime or file that contains it", "%v", err)
		return
	}
	at, h := "/"+n.Path, n.Entry.Header
	barrier := c.barrier(l.user, called)
	bad := func(fix, format string, args ...any) { c.launchFinding(l, Error, l.check, at, fix, format, args...) }
	switch {
	case h.Typeflag == tar.TypeDir:
		bad("name a program", "%s is a folder", at)
	case h.Mode&0o111 == 0:
		bad("give it the mode 0755", "%s is not executable (mode %04o)", at, h.Mode&0o7777)
	case barrier != "":
		bad("give the folder another mode, or move the program", "the user %s may not enter %s, which contains %s", l.user.label(), barrier, called)
	case !l.user.may(n, mayExecute):
		bad("give it another mode or owner", "the user %s may not run %s (mode %04o, owner %d:%d)", l.user.label(), at, h.Mode&0o7777, h.Uid, h.Gid)
	case n.Entry.ELF != nil:
		c.program(l, called, n)
	case strings.HasPrefix(string(n.Entry.Kept), "#!"):
		c.script(l, called, n)
	case h.Size == 0 && h.Typeflag == tar.TypeReg:
		bad("add the file with its content", "%s is empty", at)
	default:
		bad("begin the file with a #! line, or put its interpreter before it in the command", "%s is neither an ELF program nor a script with a #! line", at)
	}
}

// absolute returns the command if it is an absolute path, or else "".
func absolute(command string) string {
	if path.IsAbs(command) {
		return command
	}
	return ""
}

// which finds a command as execvp(3) does, in the folders of paths or from the configuration's working directory. called is
// the path by which the command is run.
func (c *checker) which(command string, paths []string) (called string, n tree.Node, err error) {
	return c.whichFrom(c.Config.WorkingDir, command, paths)
}

// whichFrom is which in another working directory.
func (c *checker) whichFrom(dir, command string, paths []string) (called string, n tree.Node, err error) {
	if strings.Contains(command, "/") {
		called = from(dir, command)
		if n, err = c.Tree.Lookup(called); err != nil {
			return "", n, fmt.Errorf("%s: %w", called, err)
		}
		return called, n, nil
	}
	var dangling error
	for _, dir := range paths {
		at := path.Join(dir, command)
		n, err := c.Tree.Lookup(at)
		if err == nil && n.Entry.Header.Typeflag != tar.TypeDir && n.Entry.Header.Mode&0o111 != 0 {
			return at, n, nil
		}
		if _, is := c.Tree.Lstat(at); err != nil && is == nil && dangling == nil {
			dangling = err
		}
	}
	if len(paths) == 0 {
		return "", n, fmt.Errorf("%q is looked up in PATH, which the image sets to an empty value: container runtimes find no command", command)
	}
	err = fmt.Errorf("%q is not in the image's PATH (%s)", command, strings.Join(paths, ":"))
	if dangling != nil {
		err = fmt.Errorf("%w: %w", err, dangling)
	}
	return "", n, err
}

// program checks an ELF program that must start, as far as closure does not, and goes on to what it starts.
func (c *checker) program(l launch, called string, n tree.Node) {
	o := c.Objects[n.Path]
	if o == nil {
		return
	}
	if o.Err != "" {
		c.launchFinding(l, Error, l.check, "/"+n.Path, "replace the file", "/%s is damaged: %s", n.Path, o.Err)
		return
	}
	l.trail.started[n.Path], l.trail.program = true, n
	c.starts(l, called, n)
}

// static reports whether a program needs no loader: it loads no libraries, and LD_PRELOAD has no effect. A loader that is run
// as a program is not static in this sense.
func static(o *loader.Object) bool {
	base := path.Base(o.Path)
	return o.Err == "" && o.Interp == "" && len(o.Needed) == 0 && (o.Type == elf.ET_EXEC || o.Type == elf.ET_DYN && o.Soname == "") &&
		!strings.HasPrefix(base, "ld-") && !strings.HasPrefix(base, "libc.")
}
