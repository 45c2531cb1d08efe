package sound

import (
	"archive/tar"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers"
)

// command checks what a container runs: the first word of entrypoint, or of cmd where there is none.
func (c *checker) command() {
	field, argv := "entrypoint", c.Config.Entrypoint
	if len(argv) == 0 {
		field, argv = "cmd", c.Config.Cmd
	}
	if len(argv) > 0 {
		c.executable(field, argv[0], 0)
	}
}

// executable follows a command through PATH, symlinks and #! to a program that the platform runs. See execve(2).
func (c *checker) executable(field, command string, depth int) {
	const maxInterpreters = 5 // Linux gives up there
	if depth > maxInterpreters {
		c.find(Error, field, command, "let the script name a program", "%s: the #! lines lead on and on, up to %s", field, command)
		return
	}
	n, err := c.which(command)
	if err != nil {
		c.find(Error, field, absolute(command), "add the package, runtime or file that has it", "%s: %v", field, err)
		return
	}
	at := "/" + n.Path
	switch h := n.Entry.Header; {
	case h.Typeflag == tar.TypeDir:
		c.find(Error, field, at, "name a program", "%s: %s is a folder", field, at)
	case h.Mode&0o111 == 0:
		c.find(Error, field, at, "give it the mode 0755", "%s: %s is not executable (mode %04o)", field, at, h.Mode&0o7777)
	case c.barrier(n) != "":
		c.find(Error, field, at, "give the folder another mode, or move the program",
			"%s: the user %s may not enter %s, in which %s is", field, c.user.who(), c.barrier(n), at)
	case !c.may(n, mayExecute):
		c.find(Error, field, at, "give it another mode or owner", "%s: the user %s may not run %s (mode %04o, owner %d:%d)",
			field, c.user.who(), at, h.Mode&0o7777, h.Uid, h.Gid)
	case n.Entry.ELF != nil:
		c.program(field, n)
	case strings.HasPrefix(string(n.Entry.Kept), "#!"):
		c.script(field, n, depth)
	case h.Size == 0 && h.Typeflag == tar.TypeReg:
		c.find(Error, field, at, "ship the file with its content", "%s: %s is empty", field, at)
	default:
		c.find(Error, field, at, "begin it with a #! line, or name its interpreter before it",
			"%s: %s is neither an ELF program nor a script with a #! line", field, at)
	}
}

// absolute is a command that is a path, or "".
func absolute(command string) string {
	if path.IsAbs(command) {
		return command
	}
	return ""
}

// which finds a command as execvp(3) does, in the PATH and the working directory of the configuration.
func (c *checker) which(command string) (layers.Node, error) {
	if strings.Contains(command, "/") {
		if !path.IsAbs(command) {
			command = path.Join("/", c.Config.WorkingDir, command)
		}
		n, err := c.Tree.Lookup(command)
		if err != nil {
			return n, fmt.Errorf("%s: %w", command, err)
		}
		return n, nil
	}
	var dangling error
	for _, dir := range c.paths {
		at := path.Join(dir, command)
		n, err := c.Tree.Lookup(at)
		if err == nil && n.Entry.Header.Typeflag != tar.TypeDir && n.Entry.Header.Mode&0o111 != 0 {
			return n, nil
		}
		if _, is := c.Tree.Lstat(at); err != nil && is == nil && dangling == nil {
			dangling = err
		}
	}
	err := fmt.Errorf("%q is not in the image's PATH (%s)", command, strings.Join(c.paths, ":"))
	if dangling != nil {
		err = fmt.Errorf("%w: %w", err, dangling)
	}
	return layers.Node{}, err
}

// program checks what the closure does not tell of the one program that must start.
func (c *checker) program(field string, n layers.Node) {
	at := "/" + n.Path
	o := c.objects[n.Path]
	if o == nil {
		return
	}
	if o.Err != "" {
		c.find(Error, field, at, "replace the file", "%s: %s is damaged: %s", field, at, o.Err)
		return
	}
	o.started = field
}

func (c *checker) script(field string, n layers.Node, depth int) {
	line, _, _ := strings.Cut(string(n.Entry.Kept), "\n")
	at := "/" + n.Path
	if strings.HasSuffix(line, "\r") {
		c.find(Error, field, at, "save it with Unix line ends", "%s: the #! line of %s ends in a carriage return, which is taken for part of the interpreter's name", field, at)
		return
	}
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if len(words) == 0 {
		c.find(Error, field, at, "name it", "%s: the #! line of %s names no interpreter", field, at)
		return
	}
	field, before := fmt.Sprintf("%s: %s", field, at), len(c.findings)
	c.executable(field, words[0], depth+1)
	if path.Base(words[0]) == "env" {
		// env(1) looks its first operand up in PATH.
		i := slices.IndexFunc(words[1:], func(w string) bool { return !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") })
		if i >= 0 {
			c.executable(field, words[1+i], depth+1)
		}
	}
	for i := range c.findings[before:] {
		c.findings[before+i].Check = "interpreter"
		if c.findings[before+i].Path == "" {
			c.findings[before+i].Path = at
		}
	}
}
