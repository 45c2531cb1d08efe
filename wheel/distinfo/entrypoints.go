package distinfo

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxEntryPoints bounds the scripts that a wheel can have made.
const maxEntryPoints = 20_000

// EntryPoint is one line of entry_points.txt.
type EntryPoint struct {
	Group string // "console_scripts"
	Name  string
	Value string // "package.module:object [extra]"
}

// ParseEntryPoints reads an entry_points.txt as importlib.metadata does: only
// lines that begin with "#" are comments, and lines before the first section do
// not count.
func ParseEntryPoints(data []byte) ([]EntryPoint, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("reading entry_points.txt: it is not UTF-8")
	}
	var points []EntryPoint
	group, inGroup, number := "", false, 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '[' && line[len(line)-1] == ']':
			group, inGroup = strings.Trim(line, "[]"), true
			continue
		case !inGroup:
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("reading entry_points.txt: line %d: expected an entry point NAME = VALUE, not %.100q", number, line)
		}
		points = append(points, EntryPoint{group, strings.TrimSpace(name), strings.TrimSpace(value)})
		if len(points) > maxEntryPoints {
			return nil, fmt.Errorf("reading entry_points.txt: more than %d entry points", maxEntryPoints)
		}
	}
	return points, nil
}
