package bundle

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// A FileList is the files of a manifest, sorted by path. All of Alpine has hundreds of thousands: each takes some 150 bytes
// here, and a File is made of it where one is asked for.
type FileList struct{ entries []entry }

// entry is a File in short.
type entry struct {
	path     string
	size     int64
	from     *locations // nil: none
	sum      [sha256.Size]byte
	checksum apk.Checksum
	kind     uint8 // in kinds
	marks    marks
}

// marks are what is true of a file.
type marks uint8

const (
	unlisted marks = 1 << iota
	isInBase
	hasChecksum
)

// locations are a File's From, which the files of a folder share.
type locations struct {
	of    []string
	named bool // the file's name follows each
}

// List makes a list of files.
func List(files iter.Seq[File]) (FileList, error) {
	var l lister
	for f := range files {
		if err := l.add(f); err != nil {
			return FileList{}, err
		}
	}
	l.sort()
	return l.FileList, nil
}

// Len is how many files there are.
func (l FileList) Len() int { return len(l.entries) }

// All yields the files in their order.
func (l FileList) All() iter.Seq[File] {
	return l.those(func(entry) bool { return true })
}

func (l FileList) those(match func(entry) bool) iter.Seq[File] {
	return func(yield func(File) bool) {
		for _, e := range l.entries {
			if match(e) && !yield(e.file()) {
				return
			}
		}
	}
}

// in yields the files of one folder, without those of the folders below it.
func (l FileList) in(dir string) iter.Seq[File] {
	if dir != "." {
		first, _ := l.find(dir + "/")
		end, _ := l.find(dir + string('/'+1))
		l.entries = l.entries[first:end]
	}
	return l.those(func(e entry) bool { return path.Dir(e.path) == dir })
}

// find is where a path is, or would be.
func (l FileList) find(path string) (int, bool) {
	return slices.BinarySearchFunc(l.entries, path, func(e entry, path string) int { return strings.Compare(e.path, path) })
}

// mark has inBase say which files the base has.
func (l FileList) mark(inBase func(entry) bool) {
	for i, e := range l.entries {
		l.entries[i].marks &^= isInBase
		if inBase(e) {
			l.entries[i].marks |= isInBase
		}
	}
}

func (e entry) file() File {
	f := File{Path: e.path, Kind: kinds()[e.kind], Size: e.size, SHA256: hex.EncodeToString(e.sum[:]), From: e.from.urls(e.path),
		Unlisted: e.marks&unlisted != 0, InBase: e.marks&isInBase != 0}
	if e.marks&hasChecksum != 0 {
		f.Checksum = e.checksum.String()
	}
	return f
}

// urls are the File's From again.
func (l *locations) urls(file string) []string {
	if l == nil {
		return nil
	}
	urls := slices.Clone(l.of)
	for i := range urls {
		if l.named {
			urls[i] += path.Base(file)
		}
	}
	return urls
}

// A lister makes a list, file by file.
type lister struct {
	FileList
	known map[string]*locations
}

func (l *lister) add(f File) error {
	e, err := l.shorten(f)
	if err == nil {
		l.entries = append(l.entries, e)
	}
	return err
}

func (l *lister) sort() {
	slices.SortFunc(l.entries, func(a, b entry) int { return cmp.Compare(a.path, b.path) })
}

// shorten is what a list holds of a file; an error where there is something that no file has.
func (l *lister) shorten(f File) (e entry, err error) {
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
func (l *lister) locations(f File) *locations {
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
