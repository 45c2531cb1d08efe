package wheels

import (
	"archive/tar"
	"errors"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/install"
)

// Merge checks that wheels can be installed together: see install.Merge. It returns the paths that a wheel is to leave to another
// one with the same bytes, by its file name; owned reports whether a path is the runtime's and stays.
func Merge(ws []Wheel, owned func(path string) bool) (map[string][]string, error) {
	plans := make([]install.Plan, len(ws))
	for i, w := range ws {
		plans[i] = w.Plan
		for j := range plans[i].Files {
			plans[i].Files[j].Origin = "/" + plans[i].Files[j].Path
		}
	}
	merged, err := install.Merge(plans, owned)
	if err != nil {
		return nil, &WheelError{err}
	}
	drop := make(map[string][]string)
	for i, p := range merged {
		if len(p.Files) == len(plans[i].Files) {
			continue
		}
		stays := make(map[string]bool, len(p.Files))
		for _, f := range p.Files {
			stays[f.Path] = true
		}
		for _, f := range plans[i].Files {
			if !stays[f.Path] {
				drop[p.Wheel] = append(drop[p.Wheel], f.Path)
			}
		}
	}
	return drop, nil
}

// Unmet are the dependencies of wheels that neither they nor others, which the runtime has, meet.
func Unmet(ws []Wheel, others []distinfo.Metadata, s Site, extras map[string][]string) ([]distinfo.Unmet, error) {
	all := make([]distinfo.Metadata, 0, len(ws))
	has := make(map[string]bool)
	for _, w := range ws {
		all = append(all, w.Metadata)
		has[w.Name()] = true
	}
	for _, m := range others {
		if name := dependency.Normalize(m.Name); !has[name] {
			m.RequiresDist = nil // what the runtime lacks is not the wheels' fault
			all = append(all, m)
		}
	}
	return distinfo.Check(all, s.Target.Environment, extras)
}

// Installed are the distributions among the files of a layer or a tree, by what their METADATA says.
func Installed(entries iter.Seq2[layers.Entry, error]) ([]distinfo.Metadata, error) {
	var found []distinfo.Metadata
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		if path.Base(e.Path()) != "METADATA" || !strings.HasSuffix(path.Dir(e.Path()), ".dist-info") || e.Kept == nil {
			continue
		}
		if m, err := distinfo.ParseMetadata(e.Kept); err == nil { // what cannot be read counts as not there
			found = append(found, m)
		}
	}
	return found, nil
}

// Replaced are the files of a runtime, with the folders that then would be empty, that wheels take the place of. A distribution of
// which a wheel brings its own version is replaced whole; of another one the files that a wheel brings too, as pip does it. Files
// of no distribution, such as the interpreter and the standard library, stay.
func Replaced(ws []Wheel, s Site, entries iter.Seq2[layers.Entry, error]) ([]string, error) {
	brought := make(map[string]bool)
	for _, w := range ws {
		brought[w.Name()] = true
	}
	var files []string
	gone, others := make(map[string]bool), make(map[string]bool)
	links := make(map[string]string)
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		at := e.Path()
		files = append(files, at)
		if to := e.Header.Linkname; e.Header.Typeflag == tar.TypeSymlink {
			if !path.IsAbs(to) {
				to = path.Join(path.Dir(at), to)
			}
			links[at] = strings.TrimPrefix(path.Clean(to), "/")
		}
		dir, base := path.Split(at)
		info := path.Base(dir)
		if base != "RECORD" || !strings.HasSuffix(info, ".dist-info") || !slices.Contains(s.Folders, path.Dir(path.Clean(dir))) {
			continue
		}
		rows, err := distinfo.ParseRecord(e.Kept, true)
		whole := brought[distribution(info)]
		if whole && (e.Kept == nil || err != nil) {
			return nil, wheelErrorf("/%s: it cannot be read, so it cannot be told which files a wheel replaces: %w", at, errors.Join(errRecord, err))
		}
		for _, p := range install.Installed(rows, path.Dir(path.Clean(dir)), s.Tag) {
			if whole {
				gone[p] = true
			}
			others[p] = true
		}
	}
	for at, to := range links { // pip next to pip3: no RECORD has it
		gone[at], others[at] = gone[at] || gone[to], others[at] || others[to]
	}
	for _, w := range ws {
		for _, f := range w.Plan.Files {
			if others[f.Path] && !s.protects(f.Path) {
				gone[f.Path] = true
			}
		}
	}
	maps.DeleteFunc(gone, func(_ string, is bool) bool { return !is })
	if len(gone) == 0 {
		return nil, nil
	}
	return covering(files, gone), nil
}

var errRecord = errors.New("the RECORD is damaged or too large")

// distribution is the normalised name in NAME-VERSION.dist-info.
func distribution(folder string) string {
	name, _, _ := strings.Cut(folder, "-")
	return dependency.Normalize(name)
}

// covering are the shortest paths that cover those of files that are gone, and none of the others.
func covering(files []string, gone map[string]bool) []string {
	stays := make(map[string]bool) // folders with a file that stays
	folder := make(map[string]bool)
	for _, f := range files {
		for dir := path.Dir(f); dir != "." && !folder[dir]; dir = path.Dir(dir) {
			folder[dir] = true
		}
	}
	for _, f := range files {
		if gone[f] || folder[f] || isBytecodeOf(f, gone) {
			continue
		}
		for dir := path.Dir(f); dir != "." && !stays[dir]; dir = path.Dir(dir) {
			stays[dir] = true
		}
	}
	var out []string
	for _, f := range files {
		if !gone[f] && !isBytecodeOf(f, gone) {
			continue
		}
		top := f
		for dir := path.Dir(f); dir != "." && !stays[dir]; dir = path.Dir(dir) {
			top = dir
		}
		out = append(out, top)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// isBytecodeOf reports whether a path is the bytecode, of any optimization, of a module that is gone.
func isBytecodeOf(at string, gone map[string]bool) bool {
	dir, base := path.Split(at)
	name, _, ok := strings.Cut(base, ".")
	return ok && strings.HasSuffix(base, ".pyc") && path.Base(dir) == "__pycache__" && gone[path.Join(path.Dir(path.Clean(dir)), name+".py")]
}
