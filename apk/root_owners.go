package apk

import (
	"strconv"
	"strings"
)

const (
	passwdFile = "etc/passwd"
	groupFile  = "etc/group"
)

// owners turns the names of users and groups into numbers, by the root's own etc/passwd and
// etc/group as they are at that time.
type owners struct {
	users, groups *idCache
}

func newOwners(o RootOptions) owners {
	return owners{
		users:  &idCache{dialect: o.Dialect, fields: 7, more: o.Passwd, known: make(map[string]int)},
		groups: &idCache{dialect: o.Dialect, fields: 4, more: o.Group, known: make(map[string]int)},
	}
}

func (o owners) user(name string, id int) int  { return o.users.lookup(name, id) }
func (o owners) group(name string, id int) int { return o.groups.lookup(name, id) }

// committed takes notice of a file that was put in place.
func (o owners) committed(where string, content []byte) {
	switch where {
	case passwdFile:
		o.users.file = string(content)
	case groupFile:
		o.groups.file = string(content)
	default:
		return
	}
	o.users.reset()
	o.groups.reset()
}

const unknownID = -1

// An idCache remembers what names mean. With --no-scripts, apk 2 never asks twice for a name,
// not even for one that it did not find before there was a passwd.
type idCache struct {
	dialect Dialect
	fields  int    // of a line
	file    string // the root's passwd or group
	more    string // lines that the root has beside these
	known   map[string]int
}

func (c *idCache) reset() {
	if c.dialect == Dialect3 {
		clear(c.known)
	}
}

func (c *idCache) lookup(name string, id int) int {
	found, asked := c.known[name]
	if !asked {
		found = c.find(name)
		c.known[name] = found
	}
	switch {
	case found != unknownID:
		return found
	case c.dialect == Dialect3 && name == "root":
		return 0
	}
	return id
}

func (c *idCache) find(name string) int {
	if found := c.findIn(c.file, name); found != unknownID {
		return found
	}
	return c.findIn(c.more, name)
}

// findIn reads the number of a name. apk 2 takes the first line of that name, apk 3 the last.
func (c *idCache) findIn(file, name string) int {
	found := unknownID
	for line := range strings.SplitSeq(file, "\n") {
		parts := strings.Split(line, ":")
		if len(parts) < c.fields || parts[0] != name {
			continue
		}
		id, err := strconv.ParseUint(parts[2], 10, 31)
		if err != nil {
			continue
		}
		if found = int(id); c.dialect == Dialect2 {
			break
		}
	}
	return found
}
