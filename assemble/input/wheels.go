package input

import (
	"context"
	"io"

	"github.com/pyimg/pyimg/wheel/source"
)

// Wheels are wheels that are at hand, such as those of a bundle. They count before the spec's indexes.
type Wheels interface {
	// Of are the wheels of a project, by its normalised name. Each has a SHA-256, and the URL or the path that it is taken for.
	Of(project string) []source.File
	// Open opens a wheel by its SHA-256 in hexadecimal. The error is fs.ErrNotExist where it is not at hand.
	Open(ctx context.Context, sha256 string) (io.ReadCloser, error)
}

// Texts reads the lock and requirements files of Python packages, by their names in the spec.
type Texts interface {
	Read(ctx context.Context, name string) ([]byte, error)
}
