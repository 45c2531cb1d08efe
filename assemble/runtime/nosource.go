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

// noSource turns a tarball or an image that is not there into what that means.
func noSource(err error, p spec.Platform) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; %s has %w", err, p, ErrNoSource)
	}
	return err
}

// baseName is the last element of a URL or path, without a query.
func baseName(url string) string {
	return path.Base(redact.URL(url))
}
