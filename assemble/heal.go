package assemble

import (
	"errors"

	"github.com/pyimg/pyimg/layers"
)

// healing does what do does, and again where it met a damaged layer in the store: that has been removed, and do stores it
// anew. A layer that is lost twice is an error.
func healing[T any](do func() (T, error)) (T, error) {
	seen := make(map[string]bool)
	for {
		got, err := do()
		var lost *layers.LostError
		if !errors.As(err, &lost) || seen[lost.Digest] {
			return got, err
		}
		seen[lost.Digest] = true
	}
}
