package root

import (
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

const (
	passwdFile = "etc/passwd"
	groupFile  = "etc/group"
)

// owners turns the names of users and groups into numbers. It uses the root's own etc/passwd and etc/group as they are
// at that time.
type owners struct {
	users, groups *idCache
}

func newOwners(o Options) owners {
	return owners{
		users:  newIDCache(o.Dialect, 7, o.Passwd),
		groups: newIDCache(o.Dialect, 4, o.Group),
	}
}

func (o owners) user(name string, id int) int  { return o.users.lookup(name, id) }
func (o owners) group(name string, id int) int { return o.groups.lookup(name, id) }

// committed updates the names after a file was installed.
func (o owners) committed(where string, content []byte) {
	switch where {
	case passwdFile:
		o.users.file = o.users.read(string(content))
	case groupFile:
		o.groups.file = o.groups.read(string(content))
	default:
		return
	}
	o.users.reset()
	o.groups.reset()
}

const unknownID = -1

// An idCache remembers the numbers of names. With --no-scripts, apk 2 never looks a name up twice, even if it did not
// find the name before there was a passwd.
type idCache struct {
	dialect apk.Dialect
	fields  int            // number of fields in a line
	file    map[string]int // the root's passwd or group
	more    map[string]int // accounts that the root has in addition
	known   map[string]int
}

func (c *idCache) reset() {
	if c.dialect == apk.Dialect3 {
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
	case c.dialect == apk.Dialect3 && name == "root":
		return 0
	}
	return id
}

func newIDCache(d apk.Dialect, fields int, more string) *idCache {
	c := &idCache{dialect: d, fields: fields, known: make(map[string]int)}
	c.more = c.read(more)
	return c
}

func (c *idCache) find(name string) int {
	for _, file := range []map[string]int{c.file, c.more} {
		if id, found := file[name]; found {
			return id
		}
	}
	return unknownID
}

// read reads the numbers of all names. If a name has several lines, apk 2 takes the first, apk 3 the last.
func (c *idCache) read(file string) map[string]int {
	ids := make(map[string]int)
	for line := range strings.SplitSeq(file, "\n") {
		parts := strings.Split(line, ":")
		if len(parts) < c.fields {
			continue
		}
		id, err := strconv.ParseUint(parts[2], 10, 31)
		if err != nil {
			continue
		}
		if _, taken := ids[parts[0]]; !taken || c.dialect == apk.Dialect3 {
			ids[parts[0]] = int(id)
		}
	}
	return ids
}
