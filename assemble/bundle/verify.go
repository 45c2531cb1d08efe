package bundle

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// Verified is what Verify found to be whole and genuine.
type Verified struct {
	ID       string   `json:"id"`
	Whole    string   `json:"whole,omitempty"` // of a delta with its base
	Files    int      `json:"files"`
	Bytes    int64    `json:"bytes"`
	Packages int      `json:"packages"`
	Indexes  int      `json:"indexes"`
	Wheels   int      `json:"wheels,omitempty"`
	Sdists   int      `json:"sdists,omitempty"`
	Images   []string `json:"images,omitempty"` // digests of the image indexes that the locks promise
}

// Verify reads all of a bundle. It is whole if every file has the manifest's size and digest and nothing else is there; it
// is genuine if ring trusts who signed its indexes, these list its packages, and the lock names the rest. A nil ring asks
// for no signatures. All faults are said, as *FaultError, and as *ReadError what could not be read; for a delta without its
// base a *BaseError.
func (b *Bundle) Verify(ctx context.Context, ring *apk.Keyring) (Verified, error) {
	if err := b.Complete(); err != nil {
		return Verified{}, err
	}
	v := &verification{bundle: b, ring: ring, known: make(map[string]*apk.Package), data: make(map[string]string), blobs: make(map[string]bool),
		laid: make(map[string]bool), unread: make(map[manifest.Kind]bool), files: make(map[string]takenFiles),
		wheels: make(map[string]bool), python: make(map[string]bool), layers: make(map[string]bool), builds: make(map[string]bool)}
	v.surroundings(ctx)
	v.readLocks(ctx)
	v.readBuilds(ctx)
	v.layout(ctx)
	for _, dir := range v.folders() {
		if err := v.folder(ctx, dir); err != nil {
			return Verified{}, err
		}
	}
	if len(v.faults) == 0 { // what is damaged fits no lock
		v.fitFiles(ctx)
	}
	if err := ctx.Err(); err != nil {
		return Verified{}, err
	}
	if len(v.faults) > 0 {
		slices.SortFunc(v.faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return Verified{}, some(v.faults)
	}
	out := Verified{ID: b.ID, Whole: b.Whole, Files: b.Files.Len(), Images: v.images}
	for f := range b.Files.All() {
		out.Bytes += f.Size
		switch f.Kind {
		case manifest.Package:
			out.Packages++
		case manifest.Index:
			out.Indexes++
		case manifest.Wheel:
			out.Wheels++
		case manifest.Sdist:
			out.Sdists++
		}
	}
	return out, nil
}

// verification is one run of Verify. Its steps fill it in.
type verification struct {
	bundle *Bundle
	ring   *apk.Keyring
	images []string
	known  map[string]*apk.Package // what the lock says of a package, by the name of its file and its checksum
	data   map[string]string       // the digest of its data stream, by the same
	blobs  map[string]bool         // digests of the locks' runtimes
	laid   map[string]bool         // files that the layout's images are made of
	unread map[manifest.Kind]bool  // of which there is one that says what others are there for, and could not be read
	wheels map[string]bool         // SHA-256 of the locks' wheels
	python map[string]bool         // paths of what the locks' specs read for Python packages
	layers map[string]bool         // digests of the locks' layers of bytecode
	builds map[string]bool         // paths of what builds read, and SHA-256 of the sdists and wheels that they take
	files  map[string]takenFiles   // what the locks' specs take of their folders, by path

	mu     sync.Mutex
	faults []error
}

func (v *verification) fault(file string, err error) {
	if err == nil {
		return
	}
	err = faulty(v.bundle.Path, file, err)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, err)
}

// surroundings looks at what is none of the files. Those of the base do not matter: an import that was interrupted has
// left some there.
func (v *verification) surroundings(ctx context.Context) {
	for _, err := range v.bundle.src.around(ctx) {
		v.fault("", err)
	}
}

// noarch is the architecture of packages that fit every one.
const noarch = "noarch"

// folders are the folders that files lie in: each has at most one index.
func (v *verification) folders() []string {
	var dirs []string
	for f := range v.bundle.Files.All() {
		if dir := path.Dir(f.Path); len(dirs) == 0 || dirs[len(dirs)-1] != dir {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// folder checks the files of one folder against its index, many at once. Of all indexes one is in memory at a time.
func (v *verification) folder(ctx context.Context, dir string) error {
	listed := make(map[string]*apk.Package)
	err := v.index(ctx, dir, dir, listed)
	v.fault(path.Join(dir, manifest.IndexName), err)
	if _, ok := v.bundle.File(path.Join(dir, manifest.IndexName)); !ok {
		err = v.sibling(ctx, dir, listed)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	unread := err != nil
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for f := range v.bundle.Files.In(dir) {
		if f.Kind == manifest.Index {
			continue
		}
		g.Go(func() error {
			v.fault(f.Path, v.file(ctx, f, listed, unread))
			return ctx.Err()
		})
	}
	return g.Wait()
}

// sibling handles noarch packages, whose folder has no index: it collects what the indexes next to it list.
// What is wrong with these indexes is said elsewhere.
func (v *verification) sibling(ctx context.Context, dir string, listed map[string]*apk.Package) error {
	if !strings.HasPrefix(dir, manifest.AlpineDir) {
		return nil
	}
	var errs []error
	for _, of := range v.folders() {
		if path.Dir(of) == path.Dir(dir) && of != dir {
			errs = append(errs, v.index(ctx, of, dir, listed))
		}
	}
	return errors.Join(errs...)
}

// index reads a folder's index, whose signature ring must know, and notes what it lists of the files in dir: by name. In
// a folder that is not its own these are the files that it says are there.
func (v *verification) index(ctx context.Context, of, dir string, listed map[string]*apk.Package) error {
	f, ok := v.bundle.File(path.Join(of, manifest.IndexName))
	if !ok {
		return nil
	}
	opened := func(ctx context.Context, _ string) (io.ReadCloser, error) { return v.bundle.Open(ctx, f) }
	x, err := apk.LoadIndex(ctx, openerFunc(opened), apk.IndexOptions{Arch: path.Base(of), Keyring: v.ring, Repository: &apk.Repository{Mirrors: []string{path.Dir(of)}}})
	if err != nil {
		return err
	}
	fitting, foreign := 0, "" // an architecture that is not the folder's
	for p := range x.Packages() {
		if p.Arch != x.Arch && p.Arch != noarch {
			foreign = p.Arch
			continue
		}
		fitting++
		if of != dir && p.Arch != path.Base(dir) {
			continue
		}
		name := p.String() + ".apk"
		if f, ok := v.bundle.File(path.Join(dir, name)); ok && (of == dir || f.Checksum == p.Checksum.String()) {
			listed[name] = bare(p)
		}
	}
	if fitting == 0 && foreign != "" {
		return fmt.Errorf("it lists packages for %s and none for %s: it is the index of another architecture", foreign, x.Arch)
	}
	return nil
}

// bare is what identifies a package. The rest is most of an index.
func bare(p *apk.Package) *apk.Package {
	return &apk.Package{Name: p.Name, Version: p.Version, Arch: p.Arch, Checksum: p.Checksum, Size: p.Size}
}

// openerFunc is a function that opens.
type openerFunc func(ctx context.Context, url string) (io.ReadCloser, error)

func (f openerFunc) Open(ctx context.Context, url string) (io.ReadCloser, error) { return f(ctx, url) }

// file reads one file to its end and checks what it is. Where its index is unread, that has been said and is enough.
func (v *verification) file(ctx context.Context, f manifest.File, listed map[string]*apk.Package, unread bool) error {
	r, err := v.bundle.Open(ctx, f)
	if err != nil {
		return err
	}
	defer r.Close()
	if f.Kind == manifest.Package && !unread {
		err = v.archive(f, r, listed[path.Base(f.Path)])
	}
	if _, readErr := io.Copy(io.Discard, r); readErr != nil {
		return readErr // damage says more than what came of it
	}
	if err != nil || f.Kind == manifest.Package {
		return err
	}
	if f.Kind == manifest.Key {
		return v.key(ctx, f)
	}
	return v.vouched(f)
}

// key sees to it that a key is one and nothing else: whom it vouches for is the keyring's affair.
func (v *verification) key(ctx context.Context, f manifest.File) error {
	text, err := v.bundle.Read(ctx, f.Path)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return errors.New("it is no public key in PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	again, err := manifest.KeyText(public)
	if err == nil && !bytes.Equal(again, text) {
		err = errors.New("it holds more than a public key, or has another form")
	}
	return err
}

// vouched misses what a file is there for, unless what could say so is unread: that has been said and is enough.
func (v *verification) vouched(f manifest.File) error {
	switch f.Kind {
	case manifest.Runtime:
		if !v.blobs["sha256:"+f.SHA256] && !v.unread[manifest.Lock] && !v.unread[manifest.Build] {
			return errors.New("no lock names it, so nothing vouches for it")
		}
	case manifest.Files:
		if _, taken := v.files[f.Path]; !taken && !v.unread[manifest.Lock] {
			return errors.New("no spec of the bundle takes it, so nothing vouches for it")
		}
	case manifest.Wheel:
		if !v.wheels[f.SHA256] && !v.builds[f.SHA256] && !v.unread[manifest.Lock] && !v.unread[manifest.Build] {
			return errors.New("no lock names it, so nothing vouches for it")
		}
	case manifest.Sdist:
		if !v.builds[f.SHA256] && !v.unread[manifest.Build] {
			return errors.New("no build takes it, so nothing vouches for it")
		}
	case manifest.Build:
		if !v.builds[f.Path] && !v.unread[manifest.Build] {
			return errors.New("wheels.yaml does not name it, so nothing vouches for it")
		}
	case manifest.Layer:
		if !v.layers["sha256:"+f.SHA256] && !v.unread[manifest.Lock] {
			return errors.New("no lock names it as bytecode, so nothing vouches for it")
		}
	case manifest.Python:
		if !v.python[f.Path] && !v.unread[manifest.Lock] {
			return errors.New("no spec of the bundle reads it, so nothing vouches for it")
		}
	case manifest.Spec:
		lock := manifest.LockPath(strings.TrimSuffix(f.Path, ".yaml"))
		if _, ok := v.bundle.File(lock); !ok {
			return fmt.Errorf("there is no %s, so nothing vouches for it", lock)
		}
	case manifest.Image:
		if !v.laid[f.Path] && !v.unread[manifest.Image] {
			return fmt.Errorf("no image of %s has it, so nothing vouches for it", manifest.LayoutIndex)
		}
	}
	return nil
}

// archive checks a package against its index, or against the lock where the index lists it no more.
func (v *verification) archive(f manifest.File, r io.Reader, listed *apk.Package) error {
	key := path.Base(f.Path) + " " + f.Checksum
	want := listed
	switch locked := v.known[key]; {
	case f.Unlisted && locked != nil:
		want = locked
	case listed == nil:
		return errors.New("its index does not list it")
	}
	if want.Checksum.String() != f.Checksum || want.Size != f.Size {
		return fmt.Errorf("its index says %s with %d bytes, the manifest %s with %d", want.Checksum, want.Size, f.Checksum, f.Size)
	}
	a, err := apk.OpenArchive(r, apk.Expect{Package: want, Keyring: v.ring, Name: f.Path})
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, a.Data); err != nil {
		return err
	}
	if data := v.data[key]; data != "" && data != "sha256:"+a.Control.DataHash {
		return fmt.Errorf("its data stream is sha256:%s, the lock says %s", a.Control.DataHash, data)
	}
	return nil
}
