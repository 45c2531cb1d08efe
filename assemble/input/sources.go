package input

import (
	"context"
	"io"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/local"
	"github.com/pyimg/pyimg/wheel/mirror"
)

// Images finds the image that a reference names, HOST/REPOSITORY:TAG or oci:DIR[:TAG], for the platform
// (OS/ARCH[/VARIANT]). The error is fs.ErrNotExist where it has none for that platform, and says which it has. What is
// read of the image is checked against its digests.
type Images interface {
	Image(ctx context.Context, ref, platform string) (v1.Image, error)
}

// Access is where a build reads from and what it works with.
type Access struct {
	Fetch    Opener        // where it is an apk.ConditionalOpener, indexes are asked for only if they changed
	Images   Images        // nil: a runtime cannot come out of an image
	Folder   Folder        // of the spec's files; nil: Spec.Dir
	Wheels   Wheels        // nil: all wheels come from where the spec says
	Texts    Texts         // nil: files of Spec.Dir
	Layers   Layers        // nil: layers that a lock names are taken out of the store, or made
	Store    *layers.Store // where indexes are kept, too; may be nil where only packages are resolved
	Jobs     int           // packages ingested at once, over all platforms; 0: twice GOMAXPROCS
	Progress Progress      // nil: transfers are not reported
	Mirrors  []*mirror.Index
	Runners  Runners // nil: nothing is run, so no bytecode is made
	// Memo has the answers that several builds of one run share: indexes, and which tarball an address has. nil: each build asks.
	Memo *memo.Memo
}

// Folder opens the folder that a spec's files are in. The caller closes it.
type Folder interface {
	Open(ctx context.Context) (*local.Folder, error)
}

// Layers has layers that a lock names and not every machine can make: those of bytecode. What they hold is checked.
type Layers interface {
	// Open opens a layer by its digest. The error is fs.ErrNotExist if it has none.
	Open(ctx context.Context, digest string) (io.ReadCloser, error)
}

// Runners are where an image's Python can be run. The library itself runs nothing. Calls may overlap.
type Runners interface {
	// Runner tries whether the root's Python can be started. The error says why nothing of its platform can be run here, and what to do.
	Runner(ctx context.Context, root RunnerRoot) (Runner, error)
}

// A RunnerRoot is a root in which a Python is run.
type RunnerRoot struct {
	Platform string // OS/ARCH[/VARIANT]
	Python   string // its path in the root
	// Preload is the path of an allocator that makes the Python faster, or "". A root in which it does not work is used without it.
	Preload string
	Layers  []layers.Blob // stored ones, the lowest first
}

// A Runner runs a program in one root.
type Runner interface {
	Run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error
}

// Opener opens URLs, file URLs and paths for reading.
type Opener interface {
	Open(ctx context.Context, url string) (io.ReadCloser, error)
}

// Limit is how much is fetched and ingested at once.
func (s Access) Limit() int {
	if s.Jobs > 0 {
		return s.Jobs
	}
	return 2 * runtime.GOMAXPROCS(0) // half of them wait for the network
}
