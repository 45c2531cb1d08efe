package bundle

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// sources finds files by what they stand for. It holds hashes of the names, which are as many as the files or more.
type sources struct {
	files  FileList
	name   func(from string) string // as it is asked for
	seed   maphash.Seed
	hashes []hashed // sorted
}

// hashed is the hash of one name of a file.
type hashed struct {
	hash uint64
	file int32 // in the list
}

func (m Manifest) sources(name func(from string) string) *sources {
	s := &sources{files: m.Files, name: name, seed: maphash.MakeSeed(), hashes: make([]hashed, 0, m.Files.Len())}
	for i, e := range m.Files.entries {
		for _, from := range e.from.urls(e.path) {
			s.hashes = append(s.hashes, hashed{maphash.String(s.seed, name(from)), int32(i)})
		}
	}
	slices.SortFunc(s.hashes, func(a, b hashed) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.file, b.file)) })
	return s
}

// find finds the file that stands for what has that name.
func (s *sources) find(name string) (File, bool) {
	hash := maphash.String(s.seed, name)
	i, _ := slices.BinarySearchFunc(s.hashes, hash, func(h hashed, hash uint64) int { return cmp.Compare(h.hash, hash) })
	for ; i < len(s.hashes) && s.hashes[i].hash == hash; i++ {
		e := s.files.entries[s.hashes[i].file]
		if slices.ContainsFunc(e.from.urls(e.path), func(from string) bool { return s.name(from) == name }) {
			return e.file(), true
		}
	}
	return File{}, false
}
