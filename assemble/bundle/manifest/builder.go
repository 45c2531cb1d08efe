package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// A Builder makes a List, file by file.
type Builder struct {
	List
	known map[string]*locations
}

// Add adds a file after the others; an error where there is something in it that no file of a bundle has.
func (l *Builder) Add(f File) error {
	e, err := l.shorten(f)
	if err == nil {
		l.entries.add(e)
	}
	return err
}

// Set puts another file in the place of file i, which has the same path.
func (l *Builder) Set(i int, f File) error {
	e, err := l.shorten(f)
	if err == nil {
		e.path = l.entries.at(i).path
		*l.entries.at(i) = e
	}
	return err
}

// Sort sorts the list by path. swapped is called for two files that have changed places, so that a caller may keep what it
// knows of them in the same order; it may be nil.
func (l *Builder) Sort(swapped func(i, j int)) { sort.Sort(sorting{l.entries, swapped}) }

// sorting implements sort.Interface.
type sorting struct {
	entries entries
	swapped func(i, j int)
}

func (s sorting) Len() int           { return s.entries.len() }
func (s sorting) Less(i, j int) bool { return s.entries.at(i).path < s.entries.at(j).path }
func (s sorting) Swap(i, j int) {
	a, b := s.entries.at(i), s.entries.at(j)
	*a, *b = *b, *a
	if s.swapped != nil {
		s.swapped(i, j)
	}
}

// shorten is what a list holds of a file; an error where there is something that no file has.
func (l *Builder) shorten(f File) (e entry, err error) {
	if err := f.check(); err != nil {
		return e, err
	}
	e = entry{path: f.Path, size: f.Size, kind: uint8(slices.Index(kinds(), f.Kind)), from: l.locations(f)}
	if e.sum, err = parseSum(f.SHA256); err != nil {
		return e, fmt.Errorf("%q: %w", f.Path, err)
	}
	if f.Checksum != "" {
		e.marks |= hasChecksum
		if e.checksum, err = apk.ParseChecksum(f.Checksum); err != nil {
			return e, fmt.Errorf("%q: %w", f.Path, err)
		}
	}
	if f.Unlisted {
		e.marks |= unlisted
	}
	if f.InBase {
		e.marks |= isInBase
	}
	return e, nil
}

func parseSum(text string) (sum [sha256.Size]byte, err error) {
	_, err = hex.Decode(sum[:], []byte(text))
	return sum, err
}

// locations are those of a file's From, the same ones for all files of a folder.
func (l *Builder) locations(f File) *locations {
	if len(f.From) == 0 {
		return nil
	}
	dirs := make([]string, len(f.From))
	for i, url := range f.From {
		dir, ok := strings.CutSuffix(url, path.Base(f.Path))
		if !ok {
			return &locations{of: slices.Clone(f.From)}
		}
		dirs[i] = strings.Clone(dir)
	}
	key := strings.Join(dirs, "\n")
	if l.known == nil {
		l.known = make(map[string]*locations)
	}
	if l.known[key] == nil {
		l.known[key] = &locations{dirs, true}
	}
	return l.known[key]
}
