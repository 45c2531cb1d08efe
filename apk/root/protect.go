package root

import (
	"fmt"
	"path"
	"strings"
)

// A protectedPath is a line of etc/apk/protected_paths.d: a glob for each part of a directory's path, and whether files in such
// directories are the administrator's. apk keeps them when they were changed.
type protectedPath struct {
	globs     []string
	protected bool
}

// protectedDir has lists of directories that the base's administrator wants to protect, in addition to those that apk knows.
const protectedDir = "etc/apk/protected_paths.d"

// maxProtected bounds the lines of the base's lists, each of which is tried on each folder. Nobody has more than a dozen.
const maxProtected = 1000

// builtinProtected are the directories that apk protects itself.
func builtinProtected() []protectedPath {
	return parseProtected("+etc\n@etc/init.d\n!etc/apk\n")
}

func parseProtected(text string) []protectedPath {
	var all []protectedPath
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p := protectedPath{protected: line[0] != '-'}
		p.globs = strings.Split(strings.Trim(strings.TrimLeft(line[:1], "-+@!")+line[1:], "/"), "/")
		all = append(all, p)
	}
	return all
}

// readProtected reads the lists of the base.
func (b *Base) readProtected() error {
	for name := range b.root.All {
		name = strings.Trim(name, "/")
		dir, base := split(name)
		if dir != protectedDir || !strings.HasSuffix(base, ".list") || strings.HasPrefix(base, ".") {
			continue
		}
		text, err := b.readOptional(name)
		if err != nil {
			return err
		}
		b.protected = append(b.protected, parseProtected(string(text))...)
		if len(b.protected) > maxProtected {
			return fmt.Errorf("reading /%s: more than %d protected paths", protectedDir, maxProtected)
		}
	}
	return nil
}

// protects reports whether apk keeps an unknown file in this directory as the administrator's, and writes the package's file
// next to it. A directory is as its parent, unless a list says otherwise; the last line that matches counts.
func (in *installer) protects(dir string) bool {
	lists := in.protected
	if lists == nil {
		lists = builtinProtected()
		if in.base != nil {
			lists = in.base.protected
		}
		in.protected = lists
	}
	known, asked := in.protectedDirs[dir]
	if asked || dir == "" {
		return known
	}
	protected := false
	for part := range strings.SplitSeq(dir, "/") {
		var rest []protectedPath
		for _, l := range lists {
			ok, err := path.Match(l.globs[0], part)
			switch {
			case !ok || err != nil:
			case len(l.globs) > 1:
				rest = append(rest, protectedPath{l.globs[1:], l.protected})
			default:
				protected = l.protected
			}
		}
		lists = rest
	}
	in.protectedDirs[dir] = protected
	return protected
}
