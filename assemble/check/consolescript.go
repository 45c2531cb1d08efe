package check

import (
	"path"
	"strings"
)

// scripts warns about scripts that cannot start because of their #! line. pip and uv write such scripts for console_scripts:
// they name the interpreter of the machine, image or virtual environment that they were installed in. Packages also contain
// scripts that nobody intends to run: in an image without Python the finding is a note.
func (c *checker) scripts(leads trail) {
	severity := Note
	if len(c.libraries) > 0 {
		severity = Warning
	}
	for n := range c.Tree.All() {
		if n.IsDir() || !strings.HasPrefix(string(n.Entry.Kept), "#!") || isMaterial(n.Path) || leads.scripts[n.Path] || !c.inPath(n.Path) && !c.inVenv(n.Path) {
			continue
		}
		words, err := shebang(n)
		if err != nil {
			continue
		}
		e := envCommand{argv: words}
		if path.Base(words[0]) == "env" {
			program, err := c.Tree.Lookup(words[0])
			e.busybox = err == nil && c.isBusybox(program)
			if err := e.parse(append(words[1:], "/"+n.Path)); err != nil {
				c.find(Warning, "interpreter", "/"+n.Path, e.fix(), "/%s cannot start: %v", n.Path, err)
				continue
			}
		}
		if len(e.argv) == 0 || !isPythonName(path.Base(e.argv[0])) {
			continue
		}
		if _, _, err := c.which(e.argv[0], c.paths); err != nil {
			c.find(severity, "interpreter", "/"+n.Path, "install the script for the Python of the image, or leave it out", "/%s cannot start: its interpreter %v", n.Path, err)
		}
	}
}

// inVenv reports whether a file is a program of a virtual environment.
func (c *checker) inVenv(at string) bool {
	bin := path.Dir(at)
	return path.Base(bin) == "bin" && c.has(path.Join(path.Dir(bin), "pyvenv.cfg"))
}
