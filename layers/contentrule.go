package layers

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
)

// A ContentRule names files whose content the store keeps with the facts of their layer, so that callers need not open
// the layer again.
type ContentRule struct {
	// Path has elements as in path.Match. An element "**" before the last one stands for any number of folders.
	Path string
	Max  int64 // in bytes; the store keeps nothing of a larger file
	// Imports has the store keep which names an ELF file needs of others, and not its content.
	Imports bool
}

// contentRules are the rules of a store, by the last element of their paths. Rules whose last element has a wildcard
// are in wild.
type contentRules struct {
	named map[string][]ContentRule
	wild  []wildRule
	magic string
}

// A wildRule is one whose last element has a wildcard. Most files are told apart by the text at its begin and end.
type wildRule struct {
	ContentRule
	folders, last string // the path's
	begin, end    string // of what last matches
}

func newWildRule(r ContentRule) wildRule {
	w := wildRule{ContentRule: r, folders: path.Dir(r.Path), last: path.Base(r.Path)}
	w.begin = w.last[:strings.IndexAny(w.last, wildcards)]
	if !strings.ContainsAny(w.last, `[\`) {
		w.end = w.last[strings.LastIndexAny(w.last, wildcards)+1:]
	}
	return w
}

func (r *wildRule) match(dir, base string) bool {
	if !strings.HasPrefix(base, r.begin) || !strings.HasSuffix(base, r.end) {
		return false
	}
	ok, _ := path.Match(r.last, base)
	return ok && matchFolders(r.folders, dir)
}

// wildcards are what path.Match does not take literally.
const wildcards = `*?[\`

// newContentRules prepares rules. The facts that a store writes begin with magic, which contains a hash of the rules.
// So a store does not use facts that were made with other rules.
func newContentRules(rules []ContentRule) (contentRules, error) {
	k := contentRules{named: map[string][]ContentRule{}}
	h := sha256.New()
	for _, r := range rules {
		if _, err := path.Match(r.Path, ""); err != nil || strings.HasPrefix(r.Path, "/") {
			return k, fmt.Errorf("keeping %q: no path without a leading slash, with wildcards of path.Match", r.Path)
		}
		fmt.Fprintf(h, "%q %d %v\n", r.Path, r.Max, r.Imports)
		last := path.Base(r.Path)
		if strings.ContainsAny(last, wildcards) {
			k.wild = append(k.wild, newWildRule(r))
		} else {
			k.named[last] = append(k.named[last], r)
		}
	}
	k.magic = factsMagic + string(h.Sum(nil)[:keptSum])
	return k, nil
}

// imports reports whether the store keeps which names an ELF file needs.
func (k *contentRules) imports(p string) bool {
	dir, base := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	for i := range k.wild {
		if r := &k.wild[i]; r.Imports && r.match(dir, base) {
			return true
		}
	}
	return false
}

// whole reports whether the store keeps the whole content of a file of that size.
func (k *contentRules) whole(p string, size int64) bool {
	dir, base := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	for _, r := range k.named[base] {
		if size <= r.Max && matchFolders(path.Dir(r.Path), dir) {
			return true
		}
	}
	for i := range k.wild {
		if r := &k.wild[i]; !r.Imports && size <= r.Max && r.match(dir, base) {
			return true
		}
	}
	return false
}

// matchFolders reports whether a folder matches the part of a pattern before its last element. That part is "." if the
// pattern has one element only.
func matchFolders(pattern, dir string) bool {
	if pattern == "." {
		return dir == ""
	}
	pattern, dir = pattern+"/", dir+"/"
	if dir == "/" {
		dir = ""
	}
	return matchElements(pattern, dir)
}

// matchElements matches elements that each end in a slash. Patterns are the program's own and have at most two "**", so
// the work grows at most with the square of the path's length.
func matchElements(pattern, dir string) bool {
	for pattern != "" {
		want, more, _ := strings.Cut(pattern, "/")
		if want == "**" {
			for rest := dir; ; {
				if matchElements(more, rest) {
					return true
				}
				if rest == "" {
					return false
				}
				_, rest, _ = strings.Cut(rest, "/")
			}
		}
		have, rest, found := strings.Cut(dir, "/")
		if ok, _ := path.Match(want, have); !ok || !found {
			return false
		}
		pattern, dir = more, rest
	}
	return dir == ""
}

// interpreterLine returns the "#!" line at the start of an executable file, without the line break, or nil.
func interpreterLine(h *tar.Header, head []byte) []byte {
	if h.Mode&0o111 == 0 || !bytes.HasPrefix(head, []byte("#!")) {
		return nil
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.Clone(line)
}
