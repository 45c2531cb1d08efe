package check

import (
	"archive/tar"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/internal/passwd"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers/tree"
)

// text returns the kept content of a file of the image, or "" if there is no such file.
func (c *facts) text(at string) string {
	n, err := c.Tree.Lookup(at)
	if err != nil {
		return ""
	}
	return string(n.Entry.Kept)
}

// accountNumber parses a part of image.user as a number; ok is false for a name.
func accountNumber(part string) (n int64, ok bool) {
	n, err := strconv.ParseInt(part, 10, 64)
	return n, err == nil
}

func taken(id int64) bool { return id >= 0 && id <= passwd.MaxID }

// readUser resolves a setting such as image.user: USER or UID, and optionally :GROUP or :GID (image-spec, config.md).
func (c *facts) readUser(setting string) account {
	user, group, _ := strings.Cut(setting, ":")
	users, _ := passwd.Users(c.text("etc/passwd"))
	groups, _ := passwd.Groups(c.text("etc/group"))
	found, err := passwd.Find(users, groups, user)
	a := account{uid: found.UID, name: found.Name, home: found.Home, known: err == nil}
	if a.name != "" {
		a.groups = append([]int{found.GID}, found.Groups...)
	}
	if group != "" {
		a.groups = nil
		if with, err := passwd.Find(users, groups, "0:"+group); err == nil {
			a.groups = []int{with.GID}
		}
	}
	return a
}

// accounts checks the user of the configuration and the files that hold accounts.
func (c *checker) accounts() {
	c.userAndGroup()
	if home := c.user.home; c.user.name != "" && path.IsAbs(home) && home != "/dev/null" {
		if _, err := c.Tree.Lookup(home); err != nil {
			severity := Note // the image sets no user, so the user is root by default
			if c.Config.User != "" {
				severity = Warning
			}
			c.find(severity, "home", home, "make the folder, or give the account another home", "the home of %s, %s, is not in the image", c.user.name, home)
		}
	}
	names := map[string]bool{}
	users, bad := passwd.Users(c.text("etc/passwd"))
	for _, u := range users {
		if names[u.Name] {
			c.find(Warning, "accounts", "/etc/passwd", "leave one of the lines out", "/etc/passwd has the account %q twice", u.Name)
		}
		names[u.Name] = true
		if u.UID == 0 && u.Name != "root" {
			c.find(Warning, "accounts", "/etc/passwd", "give it another number unless you intend this", "the account %q has the number 0, so it is root", u.Name)
		}
	}
	c.badLines("/etc/passwd", bad)
	_, bad = passwd.Groups(c.text("etc/group"))
	c.badLines("/etc/group", bad)
	c.shadow()
}

// userAndGroup checks that each part of the image's user is a name that the image has, or a number that runtimes accept.
func (c *checker) userAndGroup() {
	user, group, _ := strings.Cut(c.Config.User, ":")
	const fix = "use a number from 0 to 2147483647"
	switch number, ok := accountNumber(user); {
	case c.user.known:
	case ok && !taken(number):
		c.find(Error, "user", "", fix, "the image's user is the number %d: container runtimes refuse to start it", number)
	default:
		c.find(Error, "user", "/etc/passwd", "add the account, or give its number", "the image's user is %q, which /etc/passwd does not have", user)
	}
	switch number, ok := accountNumber(group); {
	case group == "":
	case ok && !taken(number):
		c.find(Error, "user", "", fix, "the image's group is the number %d: container runtimes refuse to start it", number)
	case !ok && len(c.user.groups) == 0:
		c.find(Error, "user", "/etc/group", "add the group, or give its number", "the image's group is %q, which /etc/group does not have", group)
	}
}

func (c *checker) badLines(at string, bad []string) {
	if len(bad) > 0 {
		c.find(Warning, "accounts", at, "correct the line", "%s has %d invalid lines, such as %.60q", at, len(bad), bad[0])
	}
}

func (c *checker) shadow() {
	shadow, bad := passwd.Lines(c.text("etc/shadow"), 9)
	c.badLines("/etc/shadow", bad)
	for _, r := range shadow {
		if r[1] == "" {
			// Alpine's own root has one. This matters only to programs that ask for passwords: login, su, sshd.
			c.find(Note, "accounts", "/etc/shadow", "set the password to * or !", "the account %q has an empty password", r[0])
		}
	}
	if n, err := c.Tree.Lookup("etc/shadow"); err == nil && n.Entry.Header.Mode&0o004 != 0 {
		c.find(Warning, "accounts", "/etc/shadow", "give it the mode 0640", "everybody may read /etc/shadow (mode %04o)", n.Entry.Header.Mode)
	}
}

// The permissions of a mode's lowest three bits.
const (
	mayExecute = 1
	mayWrite   = 2
	mayRead    = 4
)

// may reports whether the account has the permissions on a node itself. See path_resolution(7).
func (a account) may(n tree.Node, want int64) bool {
	h := n.Entry.Header
	switch {
	case !a.known:
		return true // userAndGroup reports it
	case a.uid == 0:
		return want&mayExecute == 0 || n.IsDir() || h.Mode&0o111 != 0
	case h.Uid == a.uid:
		return h.Mode>>6&want == want
	case slices.Contains(a.groups, h.Gid):
		return h.Mode>>3&want == want
	}
	return h.Mode&want == want
}

// barrier returns the first folder on the way to a path that the account may not enter, or "". Like the kernel it follows
// symlinks, whose own folders the account must enter, too.
func (c *checker) barrier(a account, name string) string {
	shut := ""
	_, err := rootpath.Follow(rootpath.Paths(func(at string) (string, bool, error) {
		in := path.Join("/", path.Dir(at))
		if d, err := c.Tree.Lstat(in); err == nil && !a.may(d, mayExecute) {
			shut = in
			return "", false, fs.ErrPermission
		}
		n, err := c.Tree.Lstat(at)
		if err != nil {
			return "", false, err
		}
		h := n.Entry.Header
		return h.Linkname, h.Typeflag == tar.TypeSymlink, nil
	}), "", name)
	if err != nil {
		return shut // "" where the path ends somewhere else, which other checks report
	}
	return ""
}

// label is the account in a message: its name, or its number without one.
func (a account) label() string {
	if a.name != "" {
		return a.name
	}
	return strconv.Itoa(a.uid)
}

// directories checks the image's workdir.
func (c *checker) directories() {
	dir := c.Config.WorkingDir
	if dir == "" {
		return
	}
	const fix = "give it another mode or owner, or choose another workdir"
	n, err := c.Tree.Lookup(dir)
	switch {
	case !path.IsAbs(dir):
		c.find(Error, "workdir", dir, "give an absolute path", "the image's workdir is %q", dir)
	case err != nil:
		c.find(Warning, "workdir", dir, "create the folder in the image, with the owner that you want",
			"the image's workdir %s is not in the image: container runtimes create it, owned by root", dir)
	case n.Entry.Header.Typeflag != tar.TypeDir:
		c.find(Error, "workdir", dir, "choose another workdir", "the image's workdir %s is not a folder", dir)
	case c.barrier(c.user, dir) != "":
		c.find(Error, "workdir", dir, fix, "the user %s may not enter %s, which contains the image's workdir %s", c.user.label(), c.barrier(c.user, dir), dir)
	case !c.user.may(n, mayExecute|mayRead):
		c.find(Error, "workdir", dir, fix, "the user %s may not enter and read the image's workdir %s (mode %04o, owner %d:%d)",
			c.user.label(), dir, n.Entry.Header.Mode&0o7777, n.Entry.Header.Uid, n.Entry.Header.Gid)
	}
}
