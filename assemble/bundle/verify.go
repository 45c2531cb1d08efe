package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/layers"
)

// Verified is what Verify found to be whole and genuine.
type Verified struct {
	ID       string   `json:"id"`
	Whole    string   `json:"whole,omitempty"` // of a delta with its base
	Files    int      `json:"files"`
	Bytes    int64    `json:"bytes"`
	Packages int      `json:"packages"`
	Indexes  int      `json:"indexes"`
	Images   []string `json:"images,omitempty"` // digests of the image indexes that the locks promise
}

// KeyFinder finds the file of one of Alpine's keys in a bundle, for apk.Keyring.Missing, which checks its fingerprint.
func (b *Bundle) KeyFinder() func(context.Context, apk.AlpineKey) ([]byte, error) {
	return func(ctx context.Context, k apk.AlpineKey) ([]byte, error) { return b.Read(ctx, keyPath(k.Name())) }
}

func keyPath(name string) string { return keysDir + name }

// Verify reads all of a bundle. It is whole if every file has the manifest's size and digest and nothing else is there; it
// is genuine if ring trusts who signed its indexes, these list its packages, and the lock names the rest. A nil ring asks
// for no signatures. All faults are said, as *FaultError, and as *ReadError what could not be read; for a delta without its
// base a *BaseError.
func (b *Bundle) Verify(ctx context.Context, ring *apk.Keyring) (Verified, error) {
	if err := b.Complete(); err != nil {
		return Verified{}, err
	}
	v := &verification{bundle: b, ring: ring, known: make(map[string]*apk.Package), data: make(map[string]string), blobs: make(map[string]bool),
		laid: make(map[string]bool), unread: make(map[Kind]bool), files: make(map[string]takenFiles)}
	v.surroundings(ctx)
	v.readLocks(ctx)
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
		case Package:
			out.Packages++
		case Index:
			out.Indexes++
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
	unread map[Kind]bool           // of which there is one that says what others are there for, and could not be read
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

// readLocks reads the locks and what they take: all of that has to be in the bundle.
func (v *verification) readLocks(ctx context.Context) {
	from := v.bundle.sources(func(from string) string { return from })
	for _, name := range v.bundle.Images() {
		lock, err := v.bundle.ReadLock(ctx, name)
		if err != nil {
			v.unread[Lock] = true
			v.fault(LockPath(name), err)
			continue
		}
		v.images = append(v.images, lock.Digest)
		v.fault(LockPath(name), v.needFiles(ctx, name, lock))
		for _, p := range lock.Platforms {
			for _, q := range p.Packages {
				v.fault(LockPath(name), v.need(from, q))
			}
			for _, r := range p.Runtimes {
				v.blobs[r.Digest] = true
				if strings.HasPrefix(r.URL, "image:") {
					v.fault(LockPath(name), v.needImage(r))
					continue
				}
				if f, ok := from.find(r.URL); !ok || "sha256:"+f.SHA256 != r.Digest {
					v.fault(LockPath(name), fmt.Errorf("it takes %s with the digest %s, and the bundle has it not", r.URL, r.Digest))
				}
			}
		}
	}
}

// takenFiles are what a spec takes of its folder, and the lock that says what they are.
type takenFiles struct {
	spec assemble.Spec
	lock assemble.Lock
}

// needFiles notes that a spec takes files, and misses them where the bundle has them not.
func (v *verification) needFiles(ctx context.Context, name string, lock assemble.Lock) error {
	spec, err := v.bundle.ReadSpec(ctx, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(spec.Files) == 0 {
		return nil // a spec with credentials is left out, and its files with it
	}
	if err != nil {
		return err
	}
	if _, ok := v.bundle.File(FilesPath(name)); !ok {
		return fmt.Errorf("its spec takes files of its folder, and the bundle has no %s", FilesPath(name))
	}
	v.files[FilesPath(name)] = takenFiles{spec, lock}
	return nil
}

// fitFiles holds the files that the specs take against the locks, and against what is packed of them: nothing else may be
// there.
func (v *verification) fitFiles(ctx context.Context) {
	for file, taken := range v.files {
		err := taken.lock.FitsFiles(ctx, taken.spec)
		if errors.As(err, new(*assemble.LockError)) {
			err = errors.New("it holds other files than the lock was made of")
		}
		if err == nil {
			err = v.repack(ctx, file, taken.spec)
		}
		v.fault(file, err)
	}
}

// repack packs again what a spec takes of a file: the same has the same bytes.
func (v *verification) repack(ctx context.Context, file string, spec assemble.Spec) error {
	f, _ := v.bundle.File(file)
	var size counter
	h := sha256.New()
	if err := spec.PackFiles(ctx, io.MultiWriter(h, &size)); err != nil {
		return err
	}
	if int64(size) != f.Size || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("it holds more than the spec takes, or has another form: the same files are packed in %d bytes, and these are %d", size, f.Size)
	}
	return nil
}

// needImage misses the image that a runtime comes out of.
func (v *verification) needImage(r assemble.LockedRuntime) error {
	manifest := blobsDir + strings.TrimPrefix(r.Digest, "sha256:")
	if _, ok := v.bundle.File(manifest); ok {
		return nil
	}
	return fmt.Errorf("it takes a part of %s with the digest %s, and the bundle has it not", r.URL, r.Digest)
}

// need notes a package that a lock takes, and misses it where the bundle has it not.
func (v *verification) need(from *sources, q assemble.LockedPackage) error {
	p := &apk.Package{Name: q.Name, Version: q.Version, Arch: q.Arch, Size: q.Size}
	var err error
	if p.Checksum, err = apk.ParseChecksum(q.Checksum); err != nil {
		return err
	}
	key := p.String() + ".apk " + q.Checksum
	v.known[key], v.data[key] = p, q.Data
	for _, url := range q.URLs {
		if f, ok := from.find(url); ok && f.Checksum == q.Checksum {
			return nil
		}
	}
	return fmt.Errorf("it takes %s for %s, and the bundle has it not", p, p.Arch)
}

// folders are the folders that files lie in: each has at most one index.
func (v *verification) folders() []string {
	var dirs []string
	for _, e := range v.bundle.Files.entries {
		if dir := path.Dir(e.path); len(dirs) == 0 || dirs[len(dirs)-1] != dir {
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
	v.fault(path.Join(dir, indexName), err)
	if _, ok := v.bundle.File(path.Join(dir, indexName)); !ok {
		err = v.beside(ctx, dir, listed)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	unread := err != nil
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for f := range v.bundle.Files.in(dir) {
		if f.Kind == Index {
			continue
		}
		g.Go(func() error {
			v.fault(f.Path, v.file(ctx, f, listed, unread))
			return ctx.Err()
		})
	}
	return g.Wait()
}

// beside notes what the indexes of a repository's architectures list of a folder without one, that of its packages for none.
// What is wrong with these indexes is said elsewhere.
func (v *verification) beside(ctx context.Context, dir string, listed map[string]*apk.Package) error {
	if !strings.HasPrefix(dir, alpineDir) {
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
	f, ok := v.bundle.File(path.Join(of, indexName))
	if !ok {
		return nil
	}
	opened := func(ctx context.Context, _ string) (io.ReadCloser, error) { return v.bundle.Open(ctx, f) }
	x, err := apk.LoadIndex(ctx, openerFunc(opened), apk.IndexOptions{Arch: path.Base(of), Keyring: v.ring, Repository: &apk.Repository{Mirrors: []string{path.Dir(of)}}})
	if err != nil {
		return err
	}
	for p := range x.Packages() {
		if of != dir && p.Arch != path.Base(dir) {
			continue
		}
		name := p.String() + ".apk"
		if f, ok := v.bundle.File(path.Join(dir, name)); ok && (of == dir || f.Checksum == p.Checksum.String()) {
			listed[name] = bare(p)
		}
	}
	return nil
}

// bare is what tells one package from another. The rest is most of an index.
func bare(p *apk.Package) *apk.Package {
	return &apk.Package{Name: p.Name, Version: p.Version, Arch: p.Arch, Checksum: p.Checksum, Size: p.Size}
}

// openerFunc is a function that opens.
type openerFunc func(ctx context.Context, url string) (io.ReadCloser, error)

func (f openerFunc) Open(ctx context.Context, url string) (io.ReadCloser, error) { return f(ctx, url) }

// file reads one file to its end and checks what it is. Where its index is unread, that has been said and is enough.
func (v *verification) file(ctx context.Context, f File, listed map[string]*apk.Package, unread bool) error {
	r, err := v.bundle.Open(ctx, f)
	if err != nil {
		return err
	}
	defer r.Close()
	if f.Kind == Package && !unread {
		err = v.archive(f, r, listed[path.Base(f.Path)])
	}
	if _, readErr := io.Copy(io.Discard, r); readErr != nil {
		return readErr // damage says more than what came of it
	}
	if err != nil || f.Kind == Package {
		return err
	}
	if f.Kind == Key {
		return v.key(ctx, f)
	}
	return v.vouched(f)
}

// key sees to it that a key is one and nothing else: whom it vouches for is the keyring's affair.
func (v *verification) key(ctx context.Context, f File) error {
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
	again, err := keyText(public)
	if err == nil && !bytes.Equal(again, text) {
		err = errors.New("it holds more than a public key, or has another form")
	}
	return err
}

// keyText is how a bundle has a key.
func keyText(public any) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}

// vouched misses what a file is there for, unless what could say so is unread: that has been said and is enough.
func (v *verification) vouched(f File) error {
	switch f.Kind {
	case Runtime:
		if !v.blobs["sha256:"+f.SHA256] && !v.unread[Lock] {
			return errors.New("no lock names it, so nothing vouches for it")
		}
	case Files:
		if _, taken := v.files[f.Path]; !taken && !v.unread[Lock] {
			return errors.New("no spec of the bundle takes it, so nothing vouches for it")
		}
	case Spec:
		lock := LockPath(strings.TrimSuffix(f.Path, ".yaml"))
		if _, ok := v.bundle.File(lock); !ok {
			return fmt.Errorf("there is no %s, so nothing vouches for it", lock)
		}
	case Image:
		if !v.laid[f.Path] && !v.unread[Image] {
			return fmt.Errorf("no image of %s has it, so nothing vouches for it", layoutIndex)
		}
	}
	return nil
}

// archive checks a package against its index, or against the lock where the index lists it no more.
func (v *verification) archive(f File, r io.Reader, listed *apk.Package) error {
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

// ReadLock reads an image's lock; fs.ErrNotExist where the bundle has none of that name.
func (b *Bundle) ReadLock(ctx context.Context, name string) (assemble.Lock, error) {
	text, err := b.Read(ctx, LockPath(name))
	if err != nil {
		return assemble.Lock{}, err
	}
	lock, err := assemble.ParseLock(text)
	if err != nil {
		return lock, &FaultError{b.Path, LockPath(name), &assemble.LockError{Err: err}}
	}
	spec, err := b.ReadSpec(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist): // left out, since it has credentials
		return lock, nil
	case err == nil && lock.Spec != spec.Digest():
		err = fmt.Errorf("it was made from another spec than %s", SpecPath(name))
	}
	if err != nil {
		return lock, &FaultError{b.Path, LockPath(name), err}
	}
	return lock, nil
}

// ReadSpec reads an image's spec; fs.ErrNotExist where the bundle has none of that name. Its relative paths name files of
// the bundle, see Opener, and what it takes of its folder is read in the bundle as long as that is open.
func (b *Bundle) ReadSpec(ctx context.Context, name string) (assemble.Spec, error) {
	text, err := b.Read(ctx, SpecPath(name))
	if err != nil {
		return assemble.Spec{}, err
	}
	spec, err := assemble.ParseSpec(strings.TrimSuffix(b.Path, "/")+"/"+SpecPath(name), text)
	spec.Folder = func(ctx context.Context) (*layers.Folder, error) { return b.Folder(ctx, name) }
	return spec, err
}

// Folder is a folder of the files that an image's spec takes, unpacked in a temporary place; fs.ErrNotExist where the
// bundle has none. Closing it removes it. The error is a *FaultError where the files are none that "mirror create" packs, and
// a *ReadError where they could not be read or written.
func (b *Bundle) Folder(ctx context.Context, name string) (*layers.Folder, error) {
	f, ok := b.File(FilesPath(name))
	if !ok {
		return nil, fmt.Errorf("bundle %q has no %s: %w", b.Path, FilesPath(name), fs.ErrNotExist)
	}
	r, err := b.Open(ctx, f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	folder, err := layers.UnpackFolder(ctx, r)
	if err == nil {
		return folder, nil
	}
	if !errors.As(err, new(*layers.PackedError)) {
		if errors.As(err, new(*FaultError)) || errors.As(err, new(*ReadError)) {
			return nil, err
		}
		return nil, &ReadError{b.Path, f.Path, err}
	}
	if _, readErr := io.Copy(io.Discard, r); readErr != nil {
		return nil, readErr // damage says more than what came of it
	}
	return nil, &FaultError{b.Path, f.Path, err}
}

const indexName = "APKINDEX.tar.gz"
