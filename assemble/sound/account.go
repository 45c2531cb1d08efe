package sound

import (
	"archive/tar"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/layers"
)

// An account is whom a container runs as.
type account struct {
	uid    int
	groups []int
	name   string // "" for a number that /etc/passwd does not have
	home   string
	known  bool // uid is what the configuration means
}

// A record is a line of passwd(5), group(5) or shadow(5).
type record []string

func (c *checker) records(at string, fields int) (rs []record, bad []string) {
	n, err := c.Tree.Lookup(at)
	if err != nil || n.Entry.Kept == nil {
		return nil, nil
	}
	for line := range strings.SplitSeq(string(n.Entry.Kept), "\n") {
		if line == "" || line[0] == '#' || line[0] == '+' || line[0] == '-' { // comments, and NIS of glibc
			continue
		}
		if r := record(strings.Split(line, ":")); len(r) == fields && r[0] != "" {
			rs = append(rs, r)
		} else {
			bad = append(bad, line)
		}
	}
	return rs, bad
}

// readUser finds out whom image.user means: USER or UID, and perhaps :GROUP or :GID (image-spec, config.md).
func (c *checker) readUser() account {
	user, group, hasGroup := strings.Cut(c.Config.User, ":")
	a := account{home: "/", known: true}
	passwd, _ := c.records("etc/passwd", 7)
	number, err := strconv.Atoi(user)
	if user == "" {
		number, err = 0, nil
	}
	a.uid, a.known = number, err == nil
	for _, r := range passwd {
		uid, _ := strconv.Atoi(r[2])
		if r[0] == user || err == nil && uid == number {
			gid, _ := strconv.Atoi(r[3])
			a = account{uid: uid, groups: []int{gid}, name: r[0], home: r[5], known: true}
			break
		}
	}
	if hasGroup {
		a.groups = nil
	}
	groups, _ := c.records("etc/group", 4)
	for _, r := range groups {
		gid, _ := strconv.Atoi(r[2])
		if hasGroup && r[0] == group || !hasGroup && a.name != "" && slices.Contains(strings.Split(r[3], ","), a.name) {
			a.groups = append(a.groups, gid)
		}
	}
	if gid, err := strconv.Atoi(group); hasGroup && err == nil {
		a.groups = append(a.groups, gid)
	}
	return a
}

// accounts checks the user of the configuration and the files that hold accounts.
func (c *checker) accounts() {
	user, group, hasGroup := strings.Cut(c.Config.User, ":")
	if !c.user.known {
		c.find(Error, "user", "/etc/passwd", "add the account, or give its number", "the image's user is %q, which /etc/passwd does not have", user)
	}
	if _, err := strconv.Atoi(group); hasGroup && err != nil && len(c.user.groups) == 0 {
		c.find(Error, "user", "/etc/group", "add the group, or give its number", "the image's group is %q, which /etc/group does not have", group)
	}
	if home := c.user.home; c.user.name != "" && path.IsAbs(home) && home != "/dev/null" {
		if _, err := c.Tree.Lookup(home); err != nil {
			severity := Note // who is meant to be nobody in particular
			if c.Config.User != "" {
				severity = Warning
			}
			c.find(severity, "home", home, "make the folder, or give the account another home", "the home of %s, %s, is not in the image", c.user.name, home)
		}
	}
	names := map[string]bool{}
	passwd, bad := c.records("etc/passwd", 7)
	for _, r := range passwd {
		if names[r[0]] {
			c.find(Warning, "accounts", "/etc/passwd", "leave one of the lines out", "/etc/passwd has the account %q twice", r[0])
		}
		names[r[0]] = true
		if _, err := strconv.Atoi(r[2]); err != nil {
			bad = append(bad, strings.Join(r, ":"))
		}
		if r[2] == "0" && r[0] != "root" {
			c.find(Warning, "accounts", "/etc/passwd", "give it another number if that is not meant", "the account %q has the number 0: it is root", r[0])
		}
	}
	c.badLines("/etc/passwd", bad)
	_, bad = c.records("etc/group", 4)
	c.badLines("/etc/group", bad)
	c.shadow()
}

func (c *checker) badLines(at string, bad []string) {
	if len(bad) > 0 {
		c.find(Warning, "accounts", at, "correct the line", "%s has %d lines that make no sense, such as %.60q", at, len(bad), bad[0])
	}
}

func (c *checker) shadow() {
	shadow, bad := c.records("etc/shadow", 9)
	c.badLines("/etc/shadow", bad)
	for _, r := range shadow {
		if r[1] == "" {
			// Alpine's own root is one. It matters to what asks for passwords: login, su, sshd.
			c.find(Note, "accounts", "/etc/shadow", "put * or ! for the password", "the account %q has an empty password", r[0])
		}
	}
	if n, err := c.Tree.Lookup("etc/shadow"); err == nil && n.Entry.Header.Mode&0o004 != 0 {
		c.find(Warning, "accounts", "/etc/shadow", "give it the mode 0640", "/etc/shadow can be read by everyone (mode %04o)", n.Entry.Header.Mode)
	}
}

// The permissions of a mode's lowest three bits.
const (
	mayExecute = 1
	mayRead    = 4
)

// may reports whether the user has the permissions on a node itself. See path_resolution(7).
func (c *checker) may(n layers.Node, want int64) bool {
	h := n.Entry.Header
	switch {
	case !c.user.known:
		return true // told already
	case c.user.uid == 0:
		return want&mayExecute == 0 || n.IsDir() || h.Mode&0o111 != 0
	case h.Uid == c.user.uid:
		return h.Mode>>6&want == want
	case slices.Contains(c.user.groups, h.Gid):
		return h.Mode>>3&want == want
	}
	return h.Mode&want == want
}

// barrier is the folder on the way to a node that the user may not enter, "" where there is none.
func (c *checker) barrier(n layers.Node) string {
	for dir := path.Dir(n.Path); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if d, err := c.Tree.Lstat(dir); err == nil && !c.may(d, mayExecute) {
			return "/" + dir
		}
	}
	return ""
}

// who is the user for a person.
func (a account) who() string {
	if a.name != "" {
		return a.name
	}
	return strconv.Itoa(a.uid)
}

// directories checks where the container starts.
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
		c.find(Warning, "workdir", dir, "make the folder, with the owner that it is to have",
			"the image's workdir %s is not in the image: container runtimes make it, as root's", dir)
	case n.Entry.Header.Typeflag != tar.TypeDir:
		c.find(Error, "workdir", dir, "choose another workdir", "the image's workdir %s is not a folder", dir)
	case c.barrier(n) != "":
		c.find(Error, "workdir", dir, fix, "the user %s may not enter %s, in which the image's workdir %s is", c.user.who(), c.barrier(n), dir)
	case !c.may(n, mayExecute|mayRead):
		c.find(Error, "workdir", dir, fix, "the user %s may not enter and read the image's workdir %s (mode %04o, owner %d:%d)",
			c.user.who(), dir, n.Entry.Header.Mode&0o7777, n.Entry.Header.Uid, n.Entry.Header.Gid)
	}
}
