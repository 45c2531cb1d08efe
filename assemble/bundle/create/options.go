package create

import (
	"cmp"
	"context"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/layers"
)

// A Client fetches. What it opens may say, as Size and Validator, how many bytes come and what OpenAt takes to go on with
// a transfer in a later run.
type Client interface {
	Open(ctx context.Context, url string) (io.ReadCloser, error)
	// Stat says how large a file is, -1 where only fetching it can tell, and its validator.
	Stat(ctx context.Context, url string) (size int64, validator string, err error)
	// OpenAt opens a file from offset on, or from at = 0 where there is no such range of the same file.
	OpenAt(ctx context.Context, url string, offset, size int64, validator string) (r io.ReadCloser, at int64, err error)
}

// Options say what bundle is to be made.
type Options struct {
	Inputs assemble.Inputs
	All    bool          // all packages that the repositories list, for the platforms, instead of those of Inputs
	Images []LockedImage // whose inputs these are; none: the bundle has no lock

	BaseImages []BaseImage
	Builds     []BuildFile // what builds of wheels need, see package supply

	Client   Client
	Keyring  *apk.Keyring   // nil: indexes need no signature
	Store    *layers.Store  // what a build kept is not fetched; may be nil
	Progress input.Progress // nil: nobody is told of what is fetched
	Jobs     int            // transfers at once; 0: 8

	Since  *manifest.Manifest // of the bundle that this one is to be a delta to
	Output string             // a folder, or with Tar the tar
	Tar    bool
	Split  int64 // of a tar: bytes a part; 0: one
	// Stream has a tar of one part written elsewhere than to Output, next to which its files still come together.
	Stream func(write func(io.Writer) error) error
	DryRun bool // nothing is written at Output
}

func (o Options) jobs() int { return cmp.Or(o.Jobs, 8) }

// A BuildFile is a file that builds of wheels need: an sdist, a wheel, or what wheels.yaml names.
type BuildFile struct {
	File manifest.File
	Text []byte                                       // its content; nil: Open opens it
	Open func(context.Context) (io.ReadCloser, error) // on this machine
}

// A BaseImage is one that a bundle brings along as it is.
type BaseImage struct {
	Ref   string        // HOST/REPOSITORY:TAG, or what ImageRef says of a runtime's
	Root  v1.Descriptor // what Ref names: an index, or a single image, which Index then holds alone
	Index v1.ImageIndex
	// Referrers reads what is attached to the index and the images of it that the bundle takes; nil: nothing is.
	Referrers func(ctx context.Context, subjects []v1.Hash) ([]Referrer, error)
}

// A Referrer is an artifact that is attached to an image, such as a signature.
type Referrer struct {
	Desc     v1.Descriptor // of its manifest, with its artifact type
	Manifest []byte
	Blobs    []Blob // its config and files
}

// A Blob is a layer, or a file of an artifact.
type Blob struct {
	Desc v1.Descriptor
	Open func() (io.ReadCloser, error)
}
