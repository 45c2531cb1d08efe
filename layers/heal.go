package layers

import (
	"errors"
)

// Healing calls do, and calls it again if do returns a *LostError. The store has removed that damaged layer, and do
// stores it again. Healing returns the error if the same layer is lost twice.
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
