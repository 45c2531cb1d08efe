// Package accounts adds the users and groups that a spec asks for to passwd(5), group(5) and shadow(5).
package accounts

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/assemble/spec"
)

// Files are the contents of etc/passwd, etc/group and etc/shadow; nil where there is none.
type Files struct{ Passwd, Group, Shadow []byte }

// noShell is what system accounts get from Alpine's packages: nobody logs into a container.
const noShell = "/sbin/nologin"

// Add appends the accounts to the files of a root; what is there stays byte by byte, but for groups that get members. It
// returns the users that it added, all filled in. An account that is there with what is asked for is left alone; one of
// the same name or number with anything else is an error, and all of them are told at once.
func Add(a spec.Accounts, to Files) (Files, []spec.User, error) {
	m := merge{passwd: parseAccounts(to.Passwd), group: parseAccounts(to.Group), shadow: parseAccounts(to.Shadow), shadowed: to.Shadow != nil}
	for _, g := range a.Groups {
		m.addGroup(g)
	}
	for _, u := range a.Users {
		m.addUser(u)
	}
	for _, g := range a.Groups {
		for _, name := range g.Members {
			m.join(name, g.Name)
		}
	}
	for _, u := range a.Users {
		for _, name := range u.Groups {
			m.join(u.Name, name)
		}
	}
	if len(m.faults) > 0 {
		return Files{}, nil, errors.Join(m.faults...)
	}
	out := Files{Passwd: m.passwd.bytes(), Group: m.group.bytes()}
	if m.shadowed {
		out.Shadow = m.shadow.bytes()
	}
	return out, m.added, nil
}

// accountLines are the lines of one of the files, each in its fields. What is no entry is kept all the same.
type accountLines [][]string

func parseAccounts(b []byte) accountLines {
	var lines accountLines
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\n"), "\n") {
		if len(b) > 0 {
			lines = append(lines, strings.Split(line, ":"))
		}
	}
	return lines
}

func (l accountLines) bytes() []byte {
	var b strings.Builder
	for _, fields := range l {
		b.WriteString(strings.Join(fields, ":") + "\n")
	}
	return []byte(b.String())
}

// The places of fields, and how many an entry has; see passwd(5) and group(5).
const (
	nameField, idField                            = 0, 2
	gidField, gecosField, homeField, shellField   = 3, 4, 5, 6
	membersField                                  = 3
	passwdFields, groupFields                     = 7, 4
	passwordElsewhere, passwordLocked, shadowTail = "x", "!", "::0:::::"
)

// byName finds the first entry of a name, as getpwnam(3) does.
func (l accountLines) byName(name string, fields int) []string {
	return l.find(fields, func(f []string) bool { return f[nameField] == name })
}

func (l accountLines) byID(id, fields int) []string {
	return l.find(fields, func(f []string) bool { return isID(f[idField], id) })
}

func (l accountLines) find(fields int, wanted func([]string) bool) []string {
	i := slices.IndexFunc(l, func(f []string) bool { return len(f) >= fields && wanted(f) })
	if i < 0 {
		return nil
	}
	return l[i]
}

// isID reports whether a field is this number, however it is written.
func isID(field string, id int) bool {
	n, err := strconv.ParseUint(field, 10, 32)
	return err == nil && n == uint64(id)
}

// merge is the work of Add.
type merge struct {
	passwd, group, shadow accountLines
	shadowed              bool
	added                 []spec.User
	faults                []error
}

func (m *merge) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Errorf(format, args...))
}

func (m *merge) addGroup(g spec.Group) {
	id := strconv.Itoa(g.GID)
	if old := m.group.byName(g.Name, groupFields); old != nil {
		if !isID(old[idField], g.GID) {
			m.fault("group %q with gid %s: etc/group has it already, as %q; take its gid, or another name", g.Name, id, strings.Join(old, ":"))
		}
		return
	}
	if old := m.group.byID(g.GID, groupFields); old != nil {
		m.fault("group %q with gid %s: etc/group has that gid already, as %q; take another", g.Name, id, strings.Join(old, ":"))
		return
	}
	m.group = append(m.group, []string{g.Name, passwordElsewhere, id, ""})
}

func (m *merge) addUser(u spec.User) {
	id := strconv.Itoa(u.UID)
	if old := m.passwd.byName(u.Name, passwdFields); old != nil {
		if !is(u, old) {
			m.fault("user %q with uid %s: etc/passwd has it already, as %q; say the same, or take another name", u.Name, id, strings.Join(old, ":"))
		}
		return
	}
	if old := m.passwd.byID(u.UID, passwdFields); old != nil {
		m.fault("user %q with uid %s: etc/passwd has that uid already, as %q; take another", u.Name, id, strings.Join(old, ":"))
		return
	}
	gid := m.primaryGroup(u)
	u.GID = &gid
	if u.Home == "" {
		u.Home = "/home/" + u.Name
	}
	if u.Shell == "" {
		u.Shell = noShell
	}
	password := passwordLocked
	if m.shadowed {
		password = passwordElsewhere
		m.lock(u.Name)
	}
	m.passwd = append(m.passwd, []string{u.Name, password, id, strconv.Itoa(gid), u.Gecos, u.Home, u.Shell})
	m.added = append(m.added, u)
}

// is reports whether a line of etc/passwd says all that the spec says of the user.
func is(u spec.User, line []string) bool {
	says := func(field int, text string) bool { return text == "" || line[field] == text }
	return isID(line[idField], u.UID) && (u.GID == nil || isID(line[gidField], *u.GID)) &&
		says(gecosField, u.Gecos) && says(homeField, u.Home) && says(shellField, u.Shell)
}

// primaryGroup is the number of a user's own group, which is made where there is none, as adduser(8) does.
func (m *merge) primaryGroup(u spec.User) int {
	gid := u.UID
	if u.GID != nil {
		gid = *u.GID
		if m.group.byID(gid, groupFields) != nil {
			return gid
		}
	} else if old := m.group.byName(u.Name, groupFields); old != nil {
		if n, err := strconv.ParseUint(old[idField], 10, 31); err == nil {
			return int(n)
		}
	}
	m.addGroup(spec.Group{Name: u.Name, GID: gid})
	return gid
}

// lock gives a user a line in etc/shadow with a password that nothing matches. It holds no day, as in the lines that
// Alpine ships: a day would be that of the build. See shadow(5).
func (m *merge) lock(name string) {
	line := strings.Split(name+":"+passwordLocked+shadowTail, ":")
	for i, f := range m.shadow {
		if f[nameField] == name { // left from a user that is gone
			m.shadow[i] = line
			return
		}
	}
	m.shadow = append(m.shadow, line)
}

// join makes a user a member of a group.
func (m *merge) join(user, group string) {
	line := m.group.byName(group, groupFields)
	if line == nil {
		m.fault("user %q in group %q: there is no such group; add it to accounts.groups", user, group)
		return
	}
	if m.passwd.byName(user, passwdFields) == nil {
		m.fault("group %q with member %q: there is no such user; add it to accounts.users", group, user)
		return
	}
	var members []string
	if line[membersField] != "" {
		members = strings.Split(line[membersField], ",")
	}
	if !slices.Contains(members, user) {
		line[membersField] = strings.Join(append(members, user), ",")
	}
}

// Passwd and groupText are what the spec itself says, for apk to find owners' names in.
func Passwd(a spec.Accounts) string {
	var b strings.Builder
	for _, u := range a.Users {
		fmt.Fprintf(&b, "%s:x:%d:%d:::\n", u.Name, u.UID, gid(u))
	}
	return b.String()
}

func Group(a spec.Accounts) string {
	var b strings.Builder
	for _, g := range a.Groups {
		fmt.Fprintf(&b, "%s:x:%d:\n", g.Name, g.GID)
	}
	for _, u := range a.Users {
		if !slices.ContainsFunc(a.Groups, func(g spec.Group) bool { return g.Name == u.Name || u.GID != nil && g.GID == *u.GID }) {
			fmt.Fprintf(&b, "%s:x:%d:\n", u.Name, gid(u))
		}
	}
	return b.String()
}

// gid is the number of the user's own group where nothing but the spec is known.
func gid(u spec.User) int {
	if u.GID != nil {
		return *u.GID
	}
	return u.UID
}
