package layers

import (
	"errors"
)

// Healing does what do does, and again where it met a damaged layer in the store: that has been removed, and do stores it
// anew. A layer that is lost twice is an error.
func Healing[T any](do func() (T, error)) (T, error) {
	seen := make(map[string]bool)
	for {
		got, err := do()
		var lost *LostError
		if !errors.As(err, &lost) || seen[lost.Digest] {
			return got, err
		}
		seen[lost.Digest] = true
	}
}
