package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// A List is the files of a manifest, sorted by path. All of Alpine has hundreds of thousands: each takes some 150 bytes
// here, and a File is made of it where one is asked for.
type List struct{ entries entries }

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

// NewList makes a list of files.
func NewList(files iter.Seq[File]) (List, error) {
	var l Builder
	for f := range files {
		if err := l.Add(f); err != nil {
			return List{}, err
		}
	}
	l.Sort(nil)
	return l.List, nil
}

// Len is how many files there are.
func (l List) Len() int { return l.entries.len() }

// At is file i.
func (l List) At(i int) File { return l.entries.at(i).file() }

// SetSHA256 notes the digest of file i, in hex, once it is known.
func (l List) SetSHA256(i int, sum string) (err error) {
	l.entries.at(i).sum, err = parseSum(sum)
	return err
}

// All yields the files in their order.
func (l List) All() iter.Seq[File] {
	return l.those(func(*entry) bool { return true })
}

func (l List) those(match func(*entry) bool) iter.Seq[File] {
	return func(yield func(File) bool) {
		for _, e := range l.entries.all() {
			if match(e) && !yield(e.file()) {
				return
			}
		}
	}
}

// In yields the files of one folder, without those of the folders below it.
func (l List) In(dir string) iter.Seq[File] {
	first, end := 0, l.Len()
	if dir != "." {
		first, _ = l.Find(dir + "/")
		end, _ = l.Find(dir + string('/'+1))
	}
	return func(yield func(File) bool) {
		for i := first; i < end; i++ {
			if e := l.entries.at(i); path.Dir(e.path) == dir && !yield(e.file()) {
				return
			}
		}
	}
}

// Find is where a path is, or would be.
func (l List) Find(path string) (int, bool) {
	return sort.Find(l.Len(), func(i int) int { return strings.Compare(path, l.entries.at(i).path) })
}

// mark has inBase say which files the base has.
func (l List) mark(inBase func(*entry) bool) {
	for _, e := range l.entries.all() {
		e.marks &^= isInBase
		if inBase(e) {
			e.marks |= isInBase
		}
	}
}

func (e *entry) file() File {
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
