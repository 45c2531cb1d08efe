package draft

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/specfile"
	"github.com/pyimg/pyimg/internal/glob"
)

// maxWalk bounds the files that are looked at to find out what two entries have in common.
const maxWalk = 20_000

// separate sees to it that no two entries of files bring the same path, which a spec does not allow: as with docker, the later one
// counts.
func (m *maker) separate() {
	files := m.spec.Files
	drop := make([]bool, len(files))
	for j := range files {
		for i := range j {
			if !drop[i] && !drop[j] {
				drop[i], drop[j] = m.overlap(&files[i], &files[j])
			}
		}
	}
	var kept []specfile.Files
	for i, f := range files {
		if !drop[i] {
			kept = append(kept, f)
		}
	}
	m.spec.Files = kept
}

// overlap compares an entry with a later one. It says which of them is not needed, or excludes from the first what the second has.
func (m *maker) overlap(a, b *specfile.Files) (dropA, dropB bool) {
	if strings.ContainsAny(a.From+b.From, "*?[") {
		return false, false
	}
	folderA, folderB := m.isDir(a.From), m.isDir(b.From)
	pathA, pathB := placeOf(*a, folderA), placeOf(*b, folderB)
	same := a.UID == b.UID && a.GID == b.GID && (a.Mode == b.Mode || b.Mode == "")
	switch {
	case !folderA && !folderB:
		return pathA == pathB, false
	case !folderA:
		rel, ok := below(pathB, pathA)
		return ok && m.has(path.Join(b.From, rel)), false
	}
	if rel, ok := below(pathA, pathB); ok {
		source := path.Join(a.From, rel)
		if source == path.Clean(b.From) && same {
			return false, true
		}
		if !folderB || source == path.Clean(b.From) {
			if m.has(source) && rel != "." {
				a.Exclude = append(a.Exclude, glob.Quote(rel))
			}
			return source == path.Clean(b.From) && rel == ".", false
		}
		m.excludeCommon(a, rel, b.From, ".")
		return false, false
	}
	if rel, ok := below(pathB, pathA); ok && folderB {
		if path.Join(b.From, rel) == path.Clean(a.From) {
			return true, false
		}
		m.excludeCommon(a, ".", b.From, rel)
	}
	return false, false
}

// placeOf is the path of an entry in the image.
func placeOf(f specfile.Files, folder bool) string {
	if !folder && strings.HasSuffix(f.To, "/") {
		return path.Join(f.To, path.Base(f.From))
	}
	return path.Clean(f.To)
}

// below is the path of p relative to a folder, if it is there; "." for the folder itself.
func below(dir, p string) (string, bool) {
	if dir == p {
		return ".", true
	}
	return strings.CutPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// excludeCommon excludes from entry a the files that a folder b has as well. relA and relB lead to where both meet.
func (m *maker) excludeCommon(a *specfile.Files, relA, b, relB string) {
	n := 0
	_ = fs.WalkDir(m.folder, path.Join(a.From, relA), func(name string, d fs.DirEntry, err error) error {
		if n++; err != nil || n > maxWalk {
			return fs.SkipAll
		}
		rel, ok := below(path.Join(a.From, relA), name)
		if a.From == "." && relA == "." {
			rel, ok = name, true
		}
		if !ok || d.IsDir() || !m.has(path.Join(b, relB, rel)) || m.isDir(path.Join(b, relB, rel)) {
			return nil
		}
		if exclude := glob.Quote(path.Join(relA, rel)); !slices.Contains(a.Exclude, exclude) {
			a.Exclude = append(a.Exclude, exclude)
		}
		return nil
	})
}
