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
