package spec

import (
	"fmt"
	"slices"
	"strings"
)

// checkRequire refuses an unknown word.
func checkRequire(word string) error {
	if known := qualityWords(); !slices.Contains(known, word) {
		return fmt.Errorf("unknown %q; known are %s", word, strings.Join(known, ", "))
	}
	return nil
}

// qualityWords are the words of runtime.require.
func qualityWords() []string {
	return []string{"pgo", "lto", "bolt", "o2", "o3", "no-semantic-interposition", "tail-call", "free-threaded", "shared", "static-libpython", "bytecode", "stripped", "jemalloc", "mimalloc"}
}

// Images lists the images that the spec names as base or runtime, by reference, each once.
func (s Spec) Images() []string {
	var refs []string
	for _, i := range s.images() {
		if !slices.Contains(refs, i.ref) {
			refs = append(refs, i.ref)
		}
	}
	return refs
}

// SignedImages lists the images that must be signed: by reference, the files of the keys of which one must have signed it.
func (s Spec) SignedImages() map[string][]string {
	images := make(map[string][]string)
	for _, i := range s.images() {
		for _, file := range i.keys {
			if file = s.Path(file); !slices.Contains(images[i.ref], file) {
				images[i.ref] = append(images[i.ref], file)
			}
		}
	}
	return images
}

// namedImage is an image that the spec names, and the files of the keys of which one must have signed it.
type namedImage struct {
	ref  string
	keys []string
}

func (s Spec) images() []namedImage {
	var all []namedImage
	for _, p := range s.Platforms {
		if s.Base.Asked() {
			all = append(all, namedImage{s.BaseRef(p), s.Base.RequireSignature})
		}
		for _, r := range s.Runtimes {
			if at := r.At(p); strings.HasPrefix(at, FromImage) {
				all = append(all, namedImage{s.ImagePath(at), r.RequireSignature})
			}
		}
	}
	return all
}
