package layers

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
)

// Keep names files whose content a store keeps with its facts, for those who ask what is in a layer.
type Keep struct {
	// Path has elements as in path.Match. An element "**" before the last one stands for any number of folders.
	Path string
	Max  int64 // bytes; of a larger file nothing is kept
}

// kept are the rules of a store, by the last element of their paths: what has a wildcard there is among wild.
type kept struct {
	named map[string][]Keep
	wild  []Keep
	magic string
}

// newKept prepares rules. The facts that a store writes begin with its magic, which has the rules in it: facts that were
// learned with other rules are not used.
func newKept(rules []Keep) (kept, error) {
	k := kept{named: map[string][]Keep{}}
	h := sha256.New()
	for _, r := range rules {
		if _, err := path.Match(r.Path, ""); err != nil || strings.HasPrefix(r.Path, "/") {
			return k, fmt.Errorf("keeping %q: no path without a leading slash, with wildcards of path.Match", r.Path)
		}
		fmt.Fprintf(h, "%q %d\n", r.Path, r.Max)
		last := path.Base(r.Path)
		if strings.ContainsAny(last, `*?[\`) {
			k.wild = append(k.wild, r)
		} else {
			k.named[last] = append(k.named[last], r)
		}
	}
	k.magic = factsMagic + string(h.Sum(nil)[:keptSum])
	return k, nil
}

// whole reports whether a file of that size is kept whole.
func (k *kept) whole(p string, size int64) bool {
	dir, base := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	for _, r := range k.named[base] {
		if size <= r.Max && matchFolders(path.Dir(r.Path), dir) {
			return true
		}
	}
	for _, r := range k.wild {
		if ok, _ := path.Match(path.Base(r.Path), base); ok && size <= r.Max && matchFolders(path.Dir(r.Path), dir) {
			return true
		}
	}
	return false
}

// matchFolders reports whether a folder matches the part of a pattern before its last element, "." where there is none.
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
// that the work is bounded by the square of the path.
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

// interpreterLine returns the "#!" line that an executable file begins with, without its end, or nil.
func interpreterLine(h *tar.Header, head []byte) []byte {
	if h.Mode&0o111 == 0 || !bytes.HasPrefix(head, []byte("#!")) {
		return nil
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.Clone(line)
}
