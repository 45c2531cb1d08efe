package layers_test

import (
	"archive/tar"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

func TestOverlayMark(t *testing.T) {
	t.Parallel()
	xattr := func(names ...string) *tar.Header {
		h := &tar.Header{Typeflag: tar.TypeDir, PAXRecords: map[string]string{}}
		for _, name := range names {
			h.PAXRecords[name] = "y"
		}
		return h
	}
	for _, test := range []struct {
		header *tar.Header
		want   string
	}{
		{xattr(), ""},
		{xattr("SCHILY.xattr.security.capability", "APK-TOOLS.checksum.SHA1"), ""},
		{xattr("SCHILY.xattr.user.overlayed", "SCHILY.xattr.user.comment"), ""},
		{xattr("trusted.overlay.opaque"), ""}, // a record of that name is no extended attribute
		{xattr("SCHILY.xattr.trusted.overlay.opaque"), "the extended attribute trusted.overlay.opaque"},
		{xattr("SCHILY.xattr.user.overlay.redirect"), "the extended attribute user.overlay.redirect"},
		{xattr("SCHILY.xattr.trusted.overlay.overlay.opaque"), "the extended attribute trusted.overlay.overlay.opaque"},
		{xattr("LIBARCHIVE.xattr.trusted.overlay.metacopy"), "the extended attribute trusted.overlay.metacopy"},
		{xattr("SCHILY.xattr.user.fuseoverlayfs.opaque"), "the extended attribute user.fuseoverlayfs.opaque"},
		{xattr("SCHILY.xattr.user.overlay.opaque", "SCHILY.xattr.trusted.overlay.opaque"), "the extended attribute trusted.overlay.opaque"},
		{&tar.Header{Typeflag: tar.TypeChar}, "the character device 0:0"},
		{&tar.Header{Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, ""},
		{&tar.Header{Typeflag: tar.TypeBlock}, ""},
	} {
		if got := (layers.Entry{Header: test.header}).OverlayMark(); got != test.want {
			t.Errorf("OverlayMark(%c %v) = %q, want %q", test.header.Typeflag, test.header.PAXRecords, got, test.want)
		}
	}
}
