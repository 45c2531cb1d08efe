package sound

import (
	"path"
	"strings"
)

// scripts warns of scripts whose Python is not in the image, such as those that pip and uv write for console_scripts: they
// name the interpreter of the machine, image or virtual environment that they were installed in. Packages also bring scripts
// of which nobody wants the Python: without any in the image it is a note.
func (c *checker) scripts() {
	severity := Note
	if len(c.stdlibs()) > 0 {
		severity = Warning
	}
	for _, n := range c.nodes {
		if n.IsDir() || !strings.HasPrefix(string(n.Entry.Kept), "#!") || isMaterial(n.Path) || !c.inPath(n.Path) && !c.inVenv(n.Path) {
			continue
		}
		words, err := shebang(n)
		if err != nil {
			continue
		}
		name := words[0]
		if path.Base(name) == "env" && len(words) > 1 {
			e := envCommand{}
			if e.parse(words[1:]) != nil || len(e.argv) == 0 {
				continue
			}
			name = e.argv[0]
		}
		if !isPythonName(path.Base(name)) {
			continue
		}
		if _, _, err := c.which(name, c.paths); err != nil && !c.followed[n.Path] {
			c.find(severity, "interpreter", "/"+n.Path, "install it for the Python of the image, or leave it out", "/%s cannot start: its interpreter %v", n.Path, err)
		}
	}
}

// inVenv reports whether a file is a program of a virtual environment.
func (c *checker) inVenv(at string) bool {
	bin := path.Dir(at)
	return path.Base(bin) == "bin" && c.has(path.Join(path.Dir(bin), "pyvenv.cfg"))
}
