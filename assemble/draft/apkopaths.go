package draft

import (
	"cmp"
	"encoding/pem"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/apko"
	"github.com/pyimg/pyimg/assemble/draft/specfile"
)

// paths takes over folders, symlinks, owners and modes. Contents of files are not in an apko.yaml, so what makes files is a note.
func (a apkoReader) paths() {
	for _, p := range a.config.Paths {
		at, clean := fmt.Sprintf("%s:%d", a.name, p.Line), path.Clean("/"+p.Path)
		if strings.ContainsAny(p.Path, "*?[]{}\\") && p.Type != "directory" {
			a.note(at, p.Type+" "+p.Path, "the path would be a glob in a spec", "name another path under paths, or the folder with recursive")
			continue
		}
		switch p.Type {
		case "directory":
			a.spec.Dirs = append(a.spec.Dirs, specfile.Dir{Path: clean, UID: number(p.UID), GID: number(p.GID), Mode: octal(p.Mode)})
			if p.Recursive == "true" {
				a.spec.Paths = append(a.spec.Paths, changed(p, clean))
			}
		case "permissions":
			a.spec.Paths = append(a.spec.Paths, changed(p, clean))
		case "symlink":
			a.spec.Paths = append(a.spec.Paths, specfile.Path{Path: clean, Symlink: p.Source})
		default:
			a.note(at, p.Type+" "+p.Path, "a spec says this in another way", insteadOf(p))
		}
	}
}

// changed is a path with the owner and the mode that apko gives it. apko takes 0 for an owner that is left out, and its mode is
// that of files and folders.
func changed(p apko.Path, clean string) specfile.Path {
	out := specfile.Path{Path: clean, UID: cmp.Or(number(p.UID), "0"), GID: cmp.Or(number(p.GID), "0"), Mode: octal(p.Mode)}
	if p.Recursive == "true" {
		out.Recursive, out.DirMode = true, out.Mode
	}
	return out
}

func insteadOf(p apko.Path) string {
	switch p.Type {
	case "empty-file":
		return "keep an empty file next to the spec, and name it under files"
	case "hardlink":
		return "keep a copy of " + p.Source + " next to the spec, and name it under files with its owner and mode"
	}
	return "keep the file next to the spec, and name it under files with its owner and mode"
}

// certificates puts each certificate in a file, because a spec names files.
func (a apkoReader) certificates() {
	for _, c := range a.config.Certificates {
		if !isCertificates(c.Content) {
			a.note(a.at(c.Name), "certificate "+c.Name, "its content is not a certificate in PEM", "write the certificate to a file next to the spec, and name that under certificates")
			continue
		}
		stem := cmp.Or(strings.Trim(regexp.MustCompile(`[^A-Za-z0-9_-]+`).ReplaceAllString(strings.TrimSuffix(c.Name, ".crt"), "-"), "-"), "certificate")
		name := "certificates/" + stem + ".crt"
		for n := 2; slices.Contains(a.spec.Certificates, name); n++ {
			name = fmt.Sprintf("certificates/%s-%d.crt", stem, n)
		}
		a.spec.Certificates = append(a.spec.Certificates, name)
		a.files = append(a.files, File{name, []byte(strings.TrimRight(c.Content, "\n") + "\n")})
	}
}

// isCertificates reports whether a text is one or more certificates in PEM and no other block.
func isCertificates(text string) bool {
	found, rest := false, []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found
		}
		if block.Type != "CERTIFICATE" {
			return false
		}
		found = true
	}
}
