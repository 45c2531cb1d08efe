package ingest

import (
	"archive/tar"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/layers"
)

// apk unpacks nothing of a package that says it installs nothing (size = 0). Tools that make packages sometimes forget the
// size, so the files of such a package are looked for, to warn.

// maxLeftOut bounds how much of a data stream is inflated to find a first file.
const maxLeftOut = 1 << 20

// hasFiles reports whether a package's data stream has a member that apk would install and that is no folder. What cannot be
// read has none: nothing of it is used.
func hasFiles(data io.Reader) bool {
	zr, err := gzip.NewReader(data)
	if err != nil {
		return false
	}
	for tr := tar.NewReader(io.LimitReader(zr, maxLeftOut)); ; {
		h, err := tr.Next()
		if err != nil {
			return false
		}
		hidden := strings.HasPrefix(h.Name, ".") // as the ".dummy" in packages that only depend on others; apk skips it
		if h.Typeflag != tar.TypeDir && h.Typeflag != tar.TypeXGlobalHeader && !hidden {
			return true
		}
	}
}

// leftOutKey names the record that a package of size 0 has files, for builds that do not read it again.
func leftOutKey(p *apk.Package) string { return "apk-left-out-" + hex.EncodeToString(p.Checksum[:]) }

// noteLeftOut looks for files that are left out.
func (u *Unit) noteLeftOut(f *packageFile, store *layers.Store) error {
	if u.leftOut = hasFiles(f); !u.leftOut {
		return nil
	}
	return store.SetRecord(leftOutKey(u.Pkg), []byte{1})
}

// SizeWarnings are about packages that bring files and say that they have none, or whose index says so.
func SizeWarnings(units []Unit) []string {
	var out []string
	for _, u := range units {
		switch {
		case u.leftOut:
			out = append(out, fmt.Sprintf("package %s: its archive has files, but it says that it installs none (size = 0 in its .PKGINFO): "+
				"they are left out of the image, as with apk add", u.Pkg))
		case u.Unpacks() && u.Pkg.InstalledSize == 0:
			out = append(out, fmt.Sprintf("package %s: its index says that it installs nothing (I:0), so apk add would leave its files out; "+
				"they are in the image", u.Pkg))
		}
	}
	return out
}
