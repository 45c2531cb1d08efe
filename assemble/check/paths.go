package check

import (
	"archive/tar"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers/tree"
)

// links reports broken symlinks.
func (c *checker) links() {
	interpreter := regexp.MustCompile(`^python[0-9.]*$`)
	for n := range c.Tree.All() {
		if n.Entry.Header.Typeflag != tar.TypeSymlink || isRuntimes(n) {
			continue
		}
		_, err := c.Tree.Lookup(n.Path)
		if err == nil {
			continue
		}
		severity := Note
		switch base := path.Base(n.Path); {
		case c.inPath(n.Path) && interpreter.MatchString(base):
			severity = Error
			if _, _, err := c.which(base, c.paths); err == nil {
				severity = Warning // a later folder of PATH has another one
			}
		case c.inPath(n.Path), c.inSystem(n.Path):
			severity = Warning
		}
		c.find(severity, "dangling-link", "/"+n.Path, "add the file that it leads to, or leave the symlink out",
			"/%s is a broken symlink to %s: %v", n.Path, n.Entry.Header.Linkname, err)
	}
}

// isRuntimes reports whether a symlink leads into a folder that is filled only when a container runs.
func isRuntimes(n tree.Node) bool {
	to := n.Entry.Header.Linkname
	if !path.IsAbs(to) {
		to = path.Join("/", path.Dir(n.Path), to)
	}
	return slices.ContainsFunc([]string{"/proc", "/dev", "/sys", "/run", "/var/run", "/tmp", "/etc/mtab"}, func(dir string) bool {
		return to == dir || strings.HasPrefix(to, dir+"/")
	})
}

// modes reports programs that run with another account's rights, and files that everybody may change.
func (c *checker) modes() {
	const (
		setuid, setgid, sticky = 0o4000, 0o2000, 0o1000
		everyone               = 0o002
	)
	for n := range c.Tree.All() {
		h, at := n.Entry.Header, "/"+n.Path
		regular := h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeLink
		switch {
		case regular && h.Mode&(setuid|setgid) != 0 && h.Mode&0o111 != 0:
			c.find(Note, "setuid", at, "remove the bit, or leave the program out, unless you need it",
				"%s runs with the rights of %d:%d (mode %04o)", at, h.Uid, h.Gid, h.Mode)
		case regular && h.Mode&everyone != 0:
			c.find(Warning, "world-writable", at, "remove the bit", "everybody may change %s (mode %04o)", at, h.Mode)
		case n.IsDir() && h.Mode&everyone != 0 && h.Mode&sticky == 0 && n.Path != "":
			c.find(Warning, "world-writable", at, "give it the sticky bit (mode 1777)",
				"in %s everybody may remove the files of others (mode %04o)", at, h.Mode)
		}
	}
}
