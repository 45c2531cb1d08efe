package rootpath

import (
	"errors"
	"strings"
)

// Limits of one path. A path that reaches them gets ErrLoop.
const (
	MaxLinks   = 40       // symlinks, as in Linux, see path_resolution(7)
	maxTargets = 16 << 10 // bytes of all their targets; real paths have some hundred
)

// ErrLoop says that a path leads through too many symlinks.
var ErrLoop = errors.New("too many symlinks")

// Dirs are the folders of a root. P is a place in it, such as a node of a tree.
type Dirs[P any] interface {
	Root() P
	Up(at P) P // the folder above; that of the root is the root
	// Enter returns what a folder has by a name. last reports that the path ends there, without a slash.
	Enter(at P, name string, last bool) (Entry[P], error)
}

// An Entry is a place to go on from, or a symlink to follow.
type Entry[P any] struct {
	To     P
	Link   bool
	Target string // of a symlink
}

// Follow returns the place that a path leads to from a folder. A symlink is followed as Linux does after chroot(2): an absolute
// target starts at the root, and no path leads above that.
func Follow[P any](d Dirs[P], at P, name string) (P, error) {
	links, targets := 0, 0
	for more := true; more; {
		var part string
		part, name, more = strings.Cut(name, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			at = d.Up(at)
			continue
		}
		e, err := d.Enter(at, part, !more)
		if err != nil {
			return at, err
		}
		if !e.Link {
			at = e.To
			continue
		}
		if links, targets = links+1, targets+len(e.Target); links > MaxLinks || targets > maxTargets {
			return at, ErrLoop
		}
		if strings.HasPrefix(e.Target, "/") {
			at = d.Root()
		}
		if more {
			e.Target += "/" + name
		}
		name, more = e.Target, true
	}
	return at, nil
}

// Paths implements [Dirs] where a place is a path from the root, without slashes at its ends; "" is the root. The function
// returns the target of a symlink, and link false for what is none. Its error ends the walk.
type Paths func(at string) (target string, link bool, err error)

// Root implements Dirs.
func (p Paths) Root() string { return "" }

// Up implements Dirs.
func (p Paths) Up(at string) string { return at[:max(strings.LastIndexByte(at, '/'), 0)] }

// Enter implements Dirs.
func (p Paths) Enter(at, name string, _ bool) (Entry[string], error) {
	if at != "" {
		name = at + "/" + name
	}
	target, link, err := p(name)
	return Entry[string]{To: name, Link: link, Target: target}, err
}
