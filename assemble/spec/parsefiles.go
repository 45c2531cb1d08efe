package spec

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/strictyaml"
)

// maxID is the highest number of a user or group that all tools accept: some use signed numbers of 32 bits.
const maxID = 1<<31 - 1

// missing adds a fault about a required field, unless the mapping already has another fault.
func (d decoder) missing(before int, n ast.Node, p, msg string) {
	if d.Faults() == before {
		d.FaultAt(n, p, "%s", msg)
	}
}

func (d decoder) files(to *[]Files) field {
	return d.Each(func(p string, n ast.Node) {
		var f Files
		before := d.Faults()
		d.Mapping(p, n, d.fileFields(&f))
		switch {
		case f.From == "":
			d.missing(before, n, p, "from is missing: a file, a folder or a glob below the spec's folder")
		case f.To == "":
			d.missing(before, n, p, "to is missing: an absolute path in the image")
		}
		*to = append(*to, f)
	})
}

func (d decoder) fileFields(f *Files) fields {
	return fields{
		row("from", d.Text(func(v string) (err error) { f.From, err = parseFrom(v); return err }), f.From),
		row("to", d.Text(func(v string) (err error) { f.To, err = parseTo(v); return err }), f.To),
		row("uid", d.Integer(&f.UID, 0, maxID), f.UID),
		row("gid", d.Integer(&f.GID, 0, maxID), f.GID),
		row("mode", d.mode(&f.Mode), octal(f.Mode)),
		row("dir_mode", d.mode(&f.DirMode), octal(f.DirMode)),
		row("exclude", d.List(func(v string) error { f.Exclude = append(f.Exclude, v); return glob.CheckExclude(v) }), f.Exclude),
		row("replace", d.flag(&f.Replace), f.Replace),
	}
}

// parseFrom accepts a path or glob below the spec's folder.
func parseFrom(v string) (string, error) {
	if v == "" {
		return "", errors.New("expected a file, a folder or a glob, found nothing")
	}
	if path.IsAbs(v) || path.Clean(v) == ".." || strings.HasPrefix(path.Clean(v), "../") {
		return "", fmt.Errorf("expected a path below the spec's folder, found %q; pyimg reads nothing outside of that folder", v)
	}
	if !doublestar.ValidatePattern(v) {
		return "", fmt.Errorf("expected a path or a glob, found %q", v)
	}
	return path.Clean(v), nil
}

// certificate adds a file of certificates.
func (d decoder) certificate(s *Spec, v string) error {
	name := path.Clean(v)
	switch {
	case v == "":
		return errors.New("expected a file of certificates in PEM, found nothing")
	case strings.Contains(v, "://"):
		return fmt.Errorf("expected a file below the spec's folder, found the URL %q; keep a copy there, so that the lock holds it", v)
	case path.IsAbs(v), name == "..", strings.HasPrefix(name, "../"):
		return fmt.Errorf("expected a path below the spec's folder, found %q; pyimg reads nothing outside of that folder", v)
	case slices.Contains(s.Certificates, name):
		return fmt.Errorf("%q is given twice", v)
	}
	s.Certificates = append(s.Certificates, name)
	return nil
}

// parseTo cleans a path in the image. It keeps a slash at the end, which marks a folder.
func parseTo(v string) (string, error) {
	if err := CheckAbsolute(v); err != nil {
		return "", err
	}
	to := path.Clean(v)
	if strings.HasSuffix(v, "/") && to != "/" {
		to += "/"
	}
	return to, nil
}

func (d decoder) dirs(to *[]Dir) field {
	return d.Each(func(p string, n ast.Node) {
		var dir Dir
		before := d.Faults()
		d.Mapping(p, n, d.dirFields(&dir, *to))
		if dir.Path == "" {
			d.missing(before, n, p, "path is missing: an absolute path in the image")
		}
		*to = append(*to, dir)
	})
}

// dirFields is the table of a folder's fields; before has the folders that the spec lists before it.
func (d decoder) dirFields(dir *Dir, before []Dir) fields {
	return fields{
		row("path", d.Text(func(v string) error { dir.Path = path.Clean(v); return checkDir(v, before) }), dir.Path),
		row("uid", d.Integer(&dir.UID, 0, maxID), dir.UID),
		row("gid", d.Integer(&dir.GID, 0, maxID), dir.GID),
		row("mode", d.mode(&dir.Mode), octal(dir.Mode)),
	}
}

func checkDir(v string, before []Dir) error {
	if err := CheckAbsolute(v); err != nil {
		return err
	}
	if path.Clean(v) == "/" {
		return errors.New("expected a folder below the root; the container runtime sets the root's own mode")
	}
	for _, d := range before {
		if d.Path == path.Clean(v) {
			return fmt.Errorf("%q is given twice", v)
		}
	}
	return nil
}

// mode decodes permission bits. They are octal in each form: 755, 0755, 0o755.
func (d decoder) mode(to *int64) field {
	return d.Text(func(v string) error {
		m, err := strconv.ParseInt(strings.TrimPrefix(v, "0o"), 8, 64)
		if err != nil || m < 1 || m > 0o7777 {
			return fmt.Errorf("expected a mode in octal digits such as 0755, found %q", v)
		}
		*to = m
		return nil
	})
}

func (d decoder) flag(to *bool) field {
	return d.Text(func(v string) error {
		if v != "true" && v != "false" {
			return fmt.Errorf("expected true or false, found %q", v)
		}
		*to = v == "true"
		return nil
	})
}

func (d decoder) accountFields(a *Accounts) fields {
	return fields{
		row("users", d.Each(func(p string, n ast.Node) { d.user(a, p, n) }), strictyaml.ListYAML(a.Users, d.userFields)),
		row("groups", d.Each(func(p string, n ast.Node) { d.group(a, p, n) }), strictyaml.ListYAML(a.Groups, d.groupFields)),
	}
}

func (d decoder) userFields(u *User) fields {
	var gid any
	if u.GID != nil {
		gid = strictyaml.Always(*u.GID)
	}
	return fields{
		row("name", d.Text(func(v string) error { u.Name = v; return checkAccount(v) }), u.Name),
		row("uid", d.Integer(&u.UID, 0, maxID), strictyaml.Always(u.UID)),
		row("gid", func(p string, n ast.Node) { u.GID = new(int); d.Integer(u.GID, 0, maxID)(p, n) }, gid),
		row("gecos", d.Text(func(v string) error { u.Gecos = v; return checkAccountField(v) }), u.Gecos),
		row("home", d.Text(func(v string) error {
			u.Home = path.Clean(v)
			return errors.Join(CheckAbsolute(v), checkAccountField(v))
		}), u.Home),
		row("shell", d.Text(func(v string) error { u.Shell = v; return errors.Join(CheckAbsolute(v), checkAccountField(v)) }), u.Shell),
		row("groups", d.List(func(v string) error { u.Groups = append(u.Groups, v); return checkAccount(v) }), u.Groups),
	}
}

func (d decoder) groupFields(g *Group) fields {
	return fields{
		row("name", d.Text(func(v string) error { g.Name = v; return checkAccount(v) }), g.Name),
		row("gid", d.Integer(&g.GID, 0, maxID), strictyaml.Always(g.GID)),
		row("members", d.List(func(v string) error { g.Members = append(g.Members, v); return checkAccount(v) }), g.Members),
	}
}

func (d decoder) user(a *Accounts, p string, n ast.Node) {
	u := User{UID: -1}
	before := d.Faults()
	d.Mapping(p, n, d.userFields(&u))
	if u.Name == "" || u.UID < 0 {
		d.missing(before, n, p, "a user needs a name and a uid")
	}
	for _, other := range a.Users {
		if other.Name == u.Name || other.UID == u.UID {
			d.missing(before, n, p, fmt.Sprintf("%q with uid %d: the user %q with uid %d is listed before it", u.Name, u.UID, other.Name, other.UID))
		}
	}
	a.Users = append(a.Users, u)
}

func (d decoder) group(a *Accounts, p string, n ast.Node) {
	g := Group{GID: -1}
	before := d.Faults()
	d.Mapping(p, n, d.groupFields(&g))
	if g.Name == "" || g.GID < 0 {
		d.missing(before, n, p, "a group needs a name and a gid")
	}
	for _, other := range a.Groups {
		if other.Name == g.Name || other.GID == g.GID {
			d.missing(before, n, p, fmt.Sprintf("%q with gid %d: the group %q with gid %d is listed before it", g.Name, g.GID, other.Name, other.GID))
		}
	}
	a.Groups = append(a.Groups, g)
}

// checkAccount accepts the names that useradd(8) accepts, and also capital letters and dots.
func checkAccount(v string) error {
	if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,31}$`).MatchString(v) {
		return fmt.Errorf("expected the name of an account, at most 32 of a-z, A-Z, 0-9, _, . and - that begin with a letter or _, found %q", v)
	}
	return nil
}

// checkAccountField refuses characters that would end a field of passwd(5).
func checkAccountField(v string) error {
	if strings.Contains(v, ":") {
		return fmt.Errorf("found %q, but a colon separates the fields of etc/passwd", v)
	}
	return nil
}

func octal(mode int64) string {
	if mode == 0 {
		return ""
	}
	return fmt.Sprintf("%04o", mode)
}
