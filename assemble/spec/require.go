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
	return []string{"pgo", "lto", "bolt", "o2", "o3", "no-semantic-interposition", "tail-call", "free-threaded", "shared", "stripped", "jemalloc", "mimalloc"}
}

// SignedImages lists the images that must be signed: by reference, the files of the keys of which one must have signed it.
func (s Spec) SignedImages() map[string][]string {
	images := make(map[string][]string)
	add := func(ref string, files []string) {
		for _, file := range files {
			if file = s.Path(file); !slices.Contains(images[ref], file) {
				images[ref] = append(images[ref], file)
			}
		}
	}
	for _, p := range s.Platforms {
		if s.Base.Asked() {
			add(s.BaseRef(p), s.Base.RequireSignature)
		}
		for _, r := range s.Runtimes {
			if at := r.At(p); strings.HasPrefix(at, FromImage) {
				add(s.ImagePath(at), r.RequireSignature)
			}
		}
	}
	return images
}
