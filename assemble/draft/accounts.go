package draft

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/specfile"
)

// flagsWithValue are the flags of adduser, useradd, addgroup and groupadd that take a value.
func flagsWithValue() []string {
	return []string{"-u", "--uid", "-g", "--gid", "-G", "--groups", "--ingroup", "-h", "--home", "-d", "--home-dir", "-s", "--shell", "-c", "--comment", "--gecos", "-k", "-K", "-b", "--base-dir"}
}

// options reads flags and their values; what is left over are arguments.
func options(words []string, valued []string) (flags map[string]string, args []string) {
	flags = make(map[string]string)
	for i := 0; i < len(words); i++ {
		name, value, joined := strings.Cut(words[i], "=")
		switch {
		case !strings.HasPrefix(words[i], "-") || words[i] == "-":
			args = append(args, words[i])
		case strings.HasPrefix(name, "--") && joined:
			flags[name] = value
		case slices.Contains(valued, words[i]) && i+1 < len(words):
			flags[words[i]] = words[i+1]
			i++
		default:
			flags[words[i]] = ""
		}
	}
	return flags, args
}

// first returns the value of the first of the flags that is there.
func first(flags map[string]string, names ...string) string {
	for _, name := range names {
		if v, ok := flags[name]; ok {
			return v
		}
	}
	return ""
}

// addUser takes over what adduser (of busybox and of Debian) or useradd would make.
func (b *builder) addUser(command string, words []string) bool {
	flags, args := options(words, flagsWithValue())
	if len(args) == 0 || len(args) > 2 {
		return false
	}
	if len(args) == 2 && command == "adduser" { // adduser USER GROUP
		return b.join(args[0], args[1])
	}
	u := specfile.User{Name: args[0], UID: first(flags, "-u", "--uid"), Home: first(flags, "-h", "--home", "-d", "--home-dir"), Shell: first(flags, "-s", "--shell")}
	if group := first(flags, "-g", "--gid"); command == "useradd" || strings.Trim(group, "0123456789") == "" { // of busybox, -g is the GECOS field
		u.GID = b.gid(group)
	}
	if u.Home == "/nonexistent" || u.Home == "/home/"+u.Name {
		u.Home = ""
	}
	groups := first(flags, "-G", "--groups", "--ingroup")
	if command == "adduser" && groups != "" { // the group that the user has
		u.GID = b.gid(groups)
	} else if groups != "" {
		u.Groups = strings.Split(groups, ",")
	}
	if u.UID == "" {
		u.UID, u.Why = b.nextID(), "the Dockerfile leaves the number to "+command
	}
	if u.GID == u.UID && !slices.ContainsFunc(b.spec.Groups, func(g specfile.Group) bool { return g.GID == u.GID }) {
		u.GID = ""
	}
	b.spec.Users = append(slices.DeleteFunc(b.spec.Users, func(o specfile.User) bool { return o.Name == u.Name }), u)
	return true
}

// gid is the number of a group by its name or number; "" if it is not known.
func (b *builder) gid(group string) string {
	for _, g := range b.spec.Groups {
		if g.Name == group {
			return g.GID
		}
	}
	if _, err := strconv.Atoi(group); err == nil {
		return group
	}
	return ""
}

func (b *builder) join(user, group string) bool {
	for i := range b.spec.Users {
		if b.spec.Users[i].Name == user {
			b.spec.Users[i].Groups = append(b.spec.Users[i].Groups, group)
			return true
		}
	}
	return false
}

// addGroup takes over what addgroup or groupadd would make.
func (b *builder) addGroup(words []string) bool {
	flags, args := options(words, []string{"-g", "--gid", "-K"})
	if len(args) == 2 {
		return b.join(args[0], args[1])
	}
	if len(args) != 1 {
		return false
	}
	g := specfile.Group{Name: args[0], GID: first(flags, "-g", "--gid")}
	if g.GID == "" {
		g.GID = b.nextID()
	}
	b.spec.Groups = append(slices.DeleteFunc(b.spec.Groups, func(o specfile.Group) bool { return o.Name == g.Name }), g)
	return true
}

// nextID is the first number from 1000 on that no account has. A user takes the number of the group with its name.
func (b *builder) nextID() string {
	for n := 1000; ; n++ {
		text := strconv.Itoa(n)
		if !slices.ContainsFunc(b.spec.Users, func(u specfile.User) bool { return u.UID == text }) &&
			!slices.ContainsFunc(b.spec.Groups, func(g specfile.Group) bool { return g.GID == text }) {
			return text
		}
	}
}

// owner are the numbers of "USER:GROUP"; ok is false if they are not known.
func (b *builder) owner(text string) (uid, gid string, ok bool) {
	user, group, hasGroup := strings.Cut(text, ":")
	for _, u := range b.spec.Users {
		if u.Name == user {
			uid, gid, ok = u.UID, u.GID, true
			if gid == "" {
				gid = u.UID
			}
		}
	}
	if _, err := strconv.Atoi(user); err == nil {
		uid, gid, ok = user, user, true
	}
	if user == "root" {
		return "", "", true
	}
	if hasGroup && group != "" {
		if g := b.gid(group); g != "" {
			gid = g
		}
	}
	return uid, gid, ok
}
