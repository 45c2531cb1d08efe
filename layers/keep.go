package layers

import (
	"archive/tar"
	"bytes"
	"path"
	"strings"
)

// keepsWhole reports whether later stages read the file at p: accounts decide owners, os-release names the
// distribution, busybox-paths.d its links, ld-musl-*.path where libraries are searched, _sysconfigdata how Python was
// built, and patchlevel.h which one it is. A runtime has its own prefix before these two.
func keepsWhole(p string) bool {
	dir, base := path.Split(p)
	switch {
	case dir == "etc/":
		switch base {
		case "passwd", "group", "shadow", "os-release":
			return true
		}
		return strings.HasPrefix(base, "ld-musl-") && strings.HasSuffix(base, ".path")
	case dir == "etc/busybox-paths.d/":
		return true
	case p == "usr/lib/os-release":
		return true // where etc/os-release is a symlink, os-release(5)
	}
	in := "/" + dir
	return strings.HasPrefix(base, "_sysconfigdata") && strings.HasSuffix(base, ".py") && strings.Contains(in, "/lib/python3.") ||
		base == "patchlevel.h" && strings.Contains(in, "/include/python3.")
}

// interpreterLine returns the "#!" line that an executable file begins with, without its end, or nil.
func interpreterLine(h *tar.Header, head []byte) []byte {
	if h.Mode&0o111 == 0 || !bytes.HasPrefix(head, []byte("#!")) {
		return nil
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.Clone(line)
}
