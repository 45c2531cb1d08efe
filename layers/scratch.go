package layers

import (
	"os"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

// Scratch makes a temporary file in the store's folder, since that has room for what the store will hold. done closes
// and removes it.
func (s *Store) Scratch() (f *os.File, done func(), err error) {
	if f, err = s.dir.Temp(); err != nil {
		return nil, nil, err
	}
	return f, func() { cachedir.Discard(f) }, nil
}
