package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/redact"
)

// ErrNoSource says that a runtime has no source for a platform.
var ErrNoSource = errors.New("no such source")

// noSource adds ErrNoSource to the error of a tarball or an image that does not exist.
func noSource(err error, p spec.Platform) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; %s has %w", err, p, ErrNoSource)
	}
	return err
}

// baseName returns the last element of a URL or path, without a query.
func baseName(url string) string {
	return path.Base(redact.URL(url))
}
