package layers

import (
	"archive/tar"
	"bytes"
	"path"
	"strings"
)

// keepsWhole reports whether later stages read the file at p: accounts decide owners, os-release names the
// distribution, busybox-paths.d its links, ld-musl-*.path and ld.so.conf where libraries are searched, _sysconfigdata how
// Python was built and patchlevel.h which one it is (a runtime has its own prefix before these two), .pth files and
// pyvenv.cfg where Python finds modules (site.py, PEP 405), apk's database who owns a file.
func keepsWhole(p string) bool {
	dir, base := path.Split(p)
	switch {
	case dir == "etc/":
		switch base {
		case "passwd", "group", "shadow", "os-release", "ld.so.conf":
			return true
		}
		return strings.HasPrefix(base, "ld-musl-") && strings.HasSuffix(base, ".path")
	case dir == "etc/busybox-paths.d/", dir == "etc/ld.so.conf.d/", isDatabase(p):
		return true
	case p == "usr/lib/os-release":
		return true // where etc/os-release is a symlink, os-release(5)
	case base == "pyvenv.cfg", strings.HasSuffix(base, ".pth") && strings.HasSuffix(dir, "-packages/"):
		return true
	}
	in := "/" + dir
	return strings.HasPrefix(base, "_sysconfigdata") && strings.HasSuffix(base, ".py") && strings.Contains(in, "/lib/python3.") ||
		base == "patchlevel.h" && strings.Contains(in, "/include/python3.")
}

// isDatabase reports whether p is where apk keeps what is installed.
func isDatabase(p string) bool { return p == "lib/apk/db/installed" || p == "usr/lib/apk/db/installed" }

// keptSize is how much of the file at p is kept.
func keptSize(p string) int64 {
	if isDatabase(p) {
		return maxDatabase
	}
	return maxKept
}

// interpreterLine returns the "#!" line that an executable file begins with, without its end, or nil.
func interpreterLine(h *tar.Header, head []byte) []byte {
	if h.Mode&0o111 == 0 || !bytes.HasPrefix(head, []byte("#!")) {
		return nil
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.Clone(line)
}
