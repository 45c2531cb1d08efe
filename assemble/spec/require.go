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
	for _, r := range s.Runtimes {
		for _, p := range s.Platforms {
			if at := r.At(p); len(r.RequireSignature) > 0 && strings.HasPrefix(at, FromImage) {
				ref := s.ImagePath(at)
				images[ref] = nil
				for _, file := range r.RequireSignature {
					images[ref] = append(images[ref], s.Path(file))
				}
			}
		}
	}
	return images
}
