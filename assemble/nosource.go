package assemble

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pyimg/pyimg/internal/redact"
)

// errNoSource says that a runtime has no source for a platform.
var errNoSource = errors.New("no such source")

// noSource turns a tarball or an image that is not there into what that means.
func noSource(err error, p Platform) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; %s has %w", err, p, errNoSource)
	}
	return err
}

// baseName is the last element of a URL or path, without a query.
func baseName(url string) string {
	return path.Base(redact.URL(url))
}
