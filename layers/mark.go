package layers

import (
	"archive/tar"
	"iter"
	"slices"
	"strings"
)

// OverlayMark returns what docker's and podman's overlay file system would obey in a member, or "" if there is nothing.
// A layer should bring such a thing only as data. Examples are the extended attribute trusted.overlay.opaque, which
// hides files of the layers below, and a character device 0:0, which deletes one. Tools that unpack layers into a plain
// folder (umoci) do not obey it, so the same image would show two different roots.
//
// See "whiteouts and opaque directories" and "metadata only copy up" in the kernel's overlayfs.rst, and
// fuse-overlayfs(1).
func (e Entry) OverlayMark() string { return overlayMark(e.Header, e.recordNames()) }

func overlayMark(h *tar.Header, records iter.Seq[string]) string {
	if h.Typeflag == tar.TypeChar && h.Devmajor == 0 && h.Devminor == 0 {
		return "the character device 0:0"
	}
	var marks []string
	for key := range records {
		if name := xattrName(key); overlayObeys(name) {
			marks = append(marks, name)
		}
	}
	if len(marks) == 0 {
		return ""
	}
	return "the extended attribute " + slices.Min(marks) // one of them, always the same
}

// xattrName returns the name of the extended attribute that a PAX record holds, or "". See star(5) and libarchive's
// tar(5).
func xattrName(key string) string {
	for _, prefix := range []string{"SCHILY.xattr.", "LIBARCHIVE.xattr."} {
		if name, is := strings.CutPrefix(key, prefix); is {
			return name
		}
	}
	return ""
}

func overlayObeys(xattr string) bool {
	for _, prefix := range []string{
		"trusted.overlay.", "user.overlay.", // overlayfs, the second when it is mounted without root
		"user.fuseoverlayfs.", "user.containers.override_stat", // podman's fuse-overlayfs and its storage
	} {
		if strings.HasPrefix(xattr, prefix) {
			return true
		}
	}
	return false
}
