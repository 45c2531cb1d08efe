package spec

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/strictyaml"
)

// A Path changes what the parts of the image have at a path, or creates a symlink there.
type Path struct {
	Path      string // absolute; it may be a glob
	Recursive bool   `json:",omitempty"` // also what is below a folder
	UID, GID  *int   `json:",omitempty"` // nil: as it is
	Mode      int64  `json:",omitempty"` // of files, and of a folder that Path itself names; 0: as it is
	DirMode   int64  `json:",omitempty"` // of folders; 0: as it is
	Symlink   string `json:",omitempty"` // the target of the symlink that Path is to be
	Replace   bool   `json:",omitempty"` // the symlink may replace a file
}

// IsGlob reports whether the path is a glob.
func (p Path) IsGlob() bool { return strings.ContainsAny(p.Path, `*?[{\`) }

// ModeOf is the mode for a folder or a file that the path names itself, or that is below such a folder; 0 leaves it as it is.
func (p Path) ModeOf(folder, below bool) int64 {
	switch {
	case !folder:
		return p.Mode
	case below || p.Recursive:
		return p.DirMode
	}
	return cmp.Or(p.DirMode, p.Mode)
}

func (d decoder) paths(to *[]Path) field {
	return d.Each(func(at string, n ast.Node) {
		var p Path
		before := d.Faults()
		d.Mapping(at, n, d.pathFields(&p))
		attributes := p.UID != nil || p.GID != nil || p.Mode != 0 || p.DirMode != 0
		switch {
		case p.Path == "":
			d.missing(before, n, at, "path is missing: an absolute path in the image, or a glob")
		case p.Symlink == "" && !attributes:
			d.missing(before, n, at, "there is nothing to change: give uid, gid, mode, dir_mode or symlink")
		case p.Symlink == "" && p.Replace:
			d.missing(before, n, at, "replace is for symlinks; the file stays, and its owner and mode change")
		case p.Symlink != "" && (p.Mode != 0 || p.DirMode != 0 || p.Recursive):
			d.missing(before, n, at, "a symlink has no mode and nothing below it; change its target in an entry of its own")
		case p.Symlink != "" && p.IsGlob():
			d.missing(before, n, at, "a symlink needs a path, found a glob")
		}
		*to = append(*to, p)
	})
}

func (d decoder) pathFields(p *Path) fields {
	return fields{
		row("path", d.Text(func(v string) (err error) { p.Path, err = parsePath(v); return err }), p.Path),
		row("recursive", d.flag(&p.Recursive), p.Recursive),
		row("uid", d.optional(&p.UID), always(p.UID)),
		row("gid", d.optional(&p.GID), always(p.GID)),
		row("mode", d.mode(&p.Mode), octal(p.Mode)),
		row("dir_mode", d.mode(&p.DirMode), octal(p.DirMode)),
		row("symlink", d.Text(func(v string) error { p.Symlink = v; return checkTarget(v) }), p.Symlink),
		row("replace", d.flag(&p.Replace), p.Replace),
	}
}

// optional decodes a number of a user or a group that may be left out.
func (d decoder) optional(to **int) field {
	return func(p string, n ast.Node) { *to = new(int); d.Integer(*to, 0, maxID)(p, n) }
}

func always(n *int) any {
	if n == nil {
		return nil
	}
	return strictyaml.Always(*n)
}

func parsePath(v string) (string, error) {
	if err := CheckAbsolute(v); err != nil {
		return "", err
	}
	if path.Clean(v) == "/" {
		return "", errors.New("expected a path below the root; the container runtime sets the root's own owner and mode")
	}
	if !doublestar.ValidatePattern(v) {
		return "", fmt.Errorf("expected a path or a glob, found %q", v)
	}
	return path.Clean(v), nil
}

func checkTarget(v string) error {
	if v == "" || strings.HasSuffix(v, "/") {
		return fmt.Errorf("expected the path that the symlink leads to, without a slash at its end, found %q", v)
	}
	return nil
}
