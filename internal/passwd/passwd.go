// Package passwd reads a root's account files, passwd(5) and group(5), and finds the account that a setting such as an
// image's user means.
package passwd

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A User is a line of passwd(5).
type User struct {
	Name     string
	UID, GID int
	Home     string
	Shell    string
}

// A Group is a line of group(5).
type Group struct {
	Name    string
	GID     int
	Members []string
}

// MaxID is the highest number that container runtimes accept.
const MaxID = 1<<31 - 1

// Users parses passwd(5). bad are the lines that are not valid. A user whose number is not valid is in users with the number
// 0, as container runtimes read it.
func Users(text string) (users []User, bad []string) {
	lines, bad := Lines(text, 7)
	for _, fields := range lines {
		uid, errUID := strconv.Atoi(fields[2])
		gid, errGID := strconv.Atoi(fields[3])
		if errUID != nil || errGID != nil {
			bad = append(bad, strings.Join(fields, ":"))
		}
		users = append(users, User{fields[0], uid, gid, fields[5], fields[6]})
	}
	return users, bad
}

// Groups parses group(5). bad are the lines that are not valid, and a group's number is read as in Users.
func Groups(text string) (groups []Group, bad []string) {
	lines, bad := Lines(text, 4)
	for _, fields := range lines {
		gid, err := strconv.Atoi(fields[2])
		if err != nil {
			bad = append(bad, strings.Join(fields, ":"))
		}
		g := Group{Name: fields[0], GID: gid}
		if fields[3] != "" {
			g.Members = strings.Split(fields[3], ",")
		}
		groups = append(groups, g)
	}
	return groups, bad
}

// Lines returns the fields of each line of passwd(5), group(5) or shadow(5). It leaves out comments and glibc's lines for
// NIS. bad are the lines with another number of fields, or without a name.
func Lines(text string, fields int) (lines [][]string, bad []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || strings.ContainsRune("#+-", rune(line[0])) {
			continue
		}
		if all := strings.Split(line, ":"); len(all) == fields && all[0] != "" {
			lines = append(lines, all)
		} else {
			bad = append(bad, line)
		}
	}
	return lines, bad
}

// An Account is the user and the groups of a process.
type Account struct {
	User           // Name is "" and Home is "/" where the number has no line
	Groups   []int // supplementary groups
	Explicit bool  // the setting names a group, so there are no supplementary groups
}

// Find returns the account that a setting means: USER or UID, optionally with :GROUP or :GID. "" is user 0. See the OCI
// image-spec, config.md, "User".
func Find(users []User, groups []Group, setting string) (Account, error) {
	user, group, explicit := strings.Cut(setting, ":")
	a := Account{User: User{Home: "/"}, Explicit: explicit && group != ""}
	number, numeric, err := number(cmp.Or(user, "0"))
	if err != nil {
		return a, fmt.Errorf("user %q: %w", user, err)
	}
	a.UID = number
	at := slices.IndexFunc(users, func(u User) bool { return u.Name == user || numeric && u.UID == number })
	switch {
	case at >= 0:
		a.User = users[at]
	case !numeric:
		return a, fmt.Errorf("user %q is not in the image's /etc/passwd; add the account, or give its number", user)
	}
	if a.Explicit {
		return a, a.setGroup(groups, group)
	}
	for _, g := range groups {
		if a.Name != "" && g.GID != a.GID && slices.Contains(g.Members, a.Name) {
			a.Groups = append(a.Groups, g.GID)
		}
	}
	return a, nil
}

func (a *Account) setGroup(groups []Group, setting string) error {
	n, numeric, err := number(setting)
	if err != nil {
		return fmt.Errorf("group %q: %w", setting, err)
	}
	for _, g := range groups {
		if g.Name == setting {
			a.GID = g.GID
			return nil
		}
	}
	if !numeric {
		return fmt.Errorf("group %q is not in the image's /etc/group; add the group, or give its number", setting)
	}
	a.GID = n
	return nil
}

// number parses a setting that is a number. For a name, numeric is false and there is no error.
func number(text string) (n int, numeric bool, err error) {
	wide, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false, nil //nolint:nilerr // text is a name
	}
	if wide < 0 || wide > MaxID {
		return 0, true, fmt.Errorf("container runtimes accept numbers from 0 to %d", MaxID)
	}
	return int(wide), true, nil
}
