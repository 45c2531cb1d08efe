package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
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

	Client   Client
	Keyring  *apk.Keyring   // nil: indexes need no signature
	Store    *layers.Store  // what a build kept is not fetched; may be nil
	Progress input.Progress // nil: nobody is told of what is fetched
	Jobs     int            // transfers at once; 0: 8

	Since  *Manifest // of the bundle that this one is to be a delta to
	Output string    // a folder, or with Tar the tar
	Tar    bool
	Split  int64 // of a tar: bytes a part; 0: one
	// Stream has a tar of one part written elsewhere than to Output, next to which its files still come together.
	Stream func(write func(io.Writer) error) error
	DryRun bool // nothing is written at Output
}

// Sizes say how large a bundle is and what making it takes, in bytes.
type Sizes struct {
	Files   int   `json:"files"`   // those of the base not counted, nor the manifest
	Bundle  int64 `json:"bundle"`  // that the bundle takes, all of it
	Indexes int64 `json:"indexes"` // fetched already, to find out; manifests of base images too
	Fetch   int64 `json:"fetch"`   // to be fetched yet
	Cached  int64 `json:"cached"`  // taken from the cache
	Kept    int64 `json:"kept"`    // there from an earlier run
	InBase  int64 `json:"inBase"`  // left to the base of a delta
	Need    int64 `json:"need"`    // to be written, the files of a tar before it is made included
	Free    int64 `json:"free"`    // at Output; -1 where the system does not say
}

// Fits tells whether there is room for it.
func (s Sizes) Fits() bool { return s.Free < 0 || s.Need <= s.Free }

// A Draft is a bundle of which it is known what it will hold and how large it will be.
type Draft struct {
	Sizes

	// Unlisted are packages that the lock names and no index lists any more: other apk clients cannot install them.
	Unlisted []string

	o      Options
	dir    string   // where files come together: Output, or beside a tar
	work   string   // what is not in its place yet
	old    *Bundle  // the tar that is at Output already; nil where none is
	dirs   []string // by repository, see places
	items  []*item
	byPath map[string]*item
	listed [][]listed // with All: by index, sorted by path
	shared lister     // what they share
	once   sync.Once
	into   *placing   // nil for a dry run
	parse  sync.Mutex // one index in memory at a time

	fetched atomic.Int64
}

// item is a file that the bundle is to hold.
type item struct {
	File
	urls  []string                                     // to open, tried in turn
	read  func(context.Context) (io.ReadCloser, error) // instead of urls, where it is of an image or is packed
	text  []byte                                       // the content, where it is known
	pkg   *apk.Package
	data  string   // digest of a package's data stream, where a lock says it
	now   []string // versions of an unlisted package that its index lists
	at    origin   // where its bytes are
	there int64    // bytes of an interrupted transfer
}

// origin says where a file's bytes are.
type origin int

const (
	remote  origin = iota
	kept           // in its place
	ready          // in the work folder
	cached         // in the store
	earlier        // in the tar that this one takes the place of
	local          // in files of this machine, to be packed
	inBase
)

// name is what errors call a file: where it comes from, or where the bundle has what comes from an image.
func (it *item) name() string {
	if len(it.From) > 0 {
		return it.From[0]
	}
	return it.Path
}

// Prepare finds out what the bundle will hold, which takes the indexes: they are fetched. The caller closes the draft.
func Prepare(ctx context.Context, o Options) (*Draft, error) {
	o.Inputs.Platforms = slices.Clone(o.Inputs.Platforms)
	d := &Draft{o: o, dir: filepath.Clean(o.Output), dirs: places(o.Inputs.Repositories), byPath: make(map[string]*item)}
	if o.Tar {
		d.dir += workDir
	}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	for _, step := range []func(context.Context) error{d.addIndexes, d.addPackages, d.addRuntimes, d.addKeys, d.addImages, d.addFiles, d.addTexts, d.examine, d.measure} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, nil
}

// Close gives the folder free for other runs. What was fetched stays for the next one.
func (d *Draft) Close() error {
	var err error
	d.once.Do(func() {
		if d.old != nil {
			_ = d.old.Close() // it was read
		}
		if d.o.DryRun {
			err = os.RemoveAll(d.work)
		}
		if d.into != nil {
			d.into.leave()
		}
	})
	return err
}

func (d *Draft) open() (err error) {
	if info, err := os.Stat(d.o.Output); d.o.Tar && err == nil && info.IsDir() {
		return fmt.Errorf("%q is a folder, and a tar is to be there; name another file", d.o.Output)
	}
	if d.o.DryRun {
		if _, err := checkFolder(d.dir); err != nil {
			return err
		}
		d.work, err = os.MkdirTemp("", "pyimg-mirror-")
	} else {
		d.work = below(d.dir, workDir)
		d.into, err = enter(d.dir)
	}
	if err != nil {
		return err
	}
	if d.o.Tar {
		d.old, _ = Open(d.o.Output) // what is no bundle is replaced
	}
	return nil
}

func (d *Draft) jobs() int { return cmp.Or(d.o.Jobs, 8) }
