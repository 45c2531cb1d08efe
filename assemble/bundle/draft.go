package bundle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
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
	All    bool          // all packages of the repositories, for the platforms
	Images []LockedImage // whose inputs these are; none: the bundle has no lock

	BaseImages []BaseImage

	Client   Client
	Keyring  *apk.Keyring      // nil: indexes need no signature
	Store    *layers.Store     // what a build kept is not fetched; may be nil
	Progress assemble.Progress // nil: nobody is told of what is fetched
	Jobs     int               // transfers at once; 0: 8

	Since  *Manifest // of the bundle that this one is to be a delta to
	Output string    // a folder, or with Tar the tar
	Tar    bool
	Split  int64 // of a tar: bytes a part; 0: one
	DryRun bool  // nothing is written at Output
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
	dir    string  // where files come together: Output, or beside a tar
	work   string  // what is not in its place yet
	old    *Bundle // the tar that is at Output already; nil where none is
	items  []*item
	byPath map[string]*item
	once   sync.Once
	unlock func()
	parse  sync.Mutex // one index in memory at a time

	fetched atomic.Int64
}

// item is a file that the bundle is to hold.
type item struct {
	File
	urls  []string                                     // to open, tried in turn
	read  func(context.Context) (io.ReadCloser, error) // instead of urls, where it comes from a registry
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
	inBase
)

// Prepare finds out what the bundle will hold, which takes the indexes: they are fetched. The caller closes the draft.
func Prepare(ctx context.Context, o Options) (*Draft, error) {
	o.Inputs.Platforms = slices.Clone(o.Inputs.Platforms)
	d := &Draft{o: o, dir: filepath.Clean(o.Output), byPath: make(map[string]*item), unlock: func() {}}
	if o.Tar {
		d.dir += workDir
		d.old, _ = Open(o.Output) // what is no bundle is replaced
	}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	for _, step := range []func(context.Context) error{d.addIndexes, d.addPackages, d.addRuntimes, d.addKeys, d.addImages, d.addTexts, d.examine, d.measure} {
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
		d.unlock()
		if d.old != nil {
			_ = d.old.Close() // it was read
		}
		if d.o.DryRun {
			err = os.RemoveAll(d.work)
			return
		}
		// Nothing is left of a run that fetched nothing; a folder that holds something stays.
		if e, readErr := os.ReadDir(d.work); readErr == nil && len(e) == 1 {
			_ = os.Remove(filepath.Join(d.work, e[0].Name())) // the lock
			_ = os.Remove(d.work)
			_ = os.Remove(d.dir)
		}
	})
	return err
}

func (d *Draft) open() (err error) {
	if d.o.DryRun {
		d.work, err = os.MkdirTemp("", "pyimg-mirror-")
		return err
	}
	if !d.o.Tar && !exists(below(d.dir, ManifestName)) { // beside a tar it is a folder of pyimg's own
		if err := checkEmpty(d.dir); err != nil {
			return err
		}
	}
	d.work = below(d.dir, workDir)
	d.unlock, err = lockFolder(d.dir)
	return err
}

// add adds a file; one that is there already stands for more URLs from then on.
func (d *Draft) add(it *item) (*item, error) {
	if old, ok := d.byPath[it.Path]; ok {
		if old.Checksum != it.Checksum || old.SHA256 != it.SHA256 {
			return nil, fmt.Errorf("%s and %s would both be %s in the bundle, and differ", strings.Join(old.From, ", "), strings.Join(it.From, ", "), it.Path)
		}
		for _, f := range it.From {
			if !slices.Contains(old.From, f) {
				old.From = append(old.From, f)
			}
		}
		return old, nil
	}
	d.byPath[it.Path] = it
	d.items = append(d.items, it)
	return it, nil
}

// places are the folders of the repositories: Alpine's own BRANCH/NAME where their URL ends so, else its last element.
func places(rs []assemble.InputRepository) []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		elements := strings.Split(strings.TrimRight(filepath.ToSlash(pathOf(r.Public[0])), "/"), "/")
		tail := elements[max(len(elements)-2, 0):]
		if len(tail) == 2 && !regexp.MustCompile(`^(v\d+\.\d+|edge)$`).MatchString(tail[0]) {
			tail = tail[1:]
		}
		for j, e := range tail {
			tail[j] = cmp.Or(safeName(e), "repository")
		}
		out[i] = path.Join("alpine", path.Join(tail...))
		if slices.Contains(out[:i], out[i]) {
			out[i] = path.Join("alpine", fmt.Sprint(i+1), path.Join(tail...))
		}
	}
	return out
}

// pathOf is a URL's path; a path stays.
func pathOf(location string) string {
	if u, err := url.Parse(location); err == nil && assemble.IsURL(location) {
		return u.Path
	}
	return location
}

// safeName keeps of a name what every file system takes.
func safeName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._+-", r) {
			return r
		}
		return '_'
	}, s)
	return strings.TrimLeft(s, ".")
}

// addIndexes fetches the index of each repository for each platform, and finds the packages in them.
func (d *Draft) addIndexes(ctx context.Context) error {
	dirs := places(d.o.Inputs.Repositories)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(d.jobs())
	for i, r := range d.o.Inputs.Repositories {
		for p := range d.o.Inputs.Platforms {
			platform := &d.o.Inputs.Platforms[p]
			arch := platform.Platform.Alpine()
			it, err := d.add(&item{File: File{Path: path.Join(dirs[i], arch, indexName), Kind: Index, Size: -1}, at: ready})
			if err != nil {
				return err
			}
			it.locate(r, arch, indexName)
			g.Go(func() error { return d.addIndex(ctx, it, r, platform) })
		}
	}
	err := g.Wait()
	d.Indexes = d.fetched.Load()
	return err
}

// locate says where a file of a repository is.
func (it *item) locate(r assemble.InputRepository, arch, name string) {
	for i, m := range r.Mirrors {
		url := m + "/" + arch + "/" + name
		public := url // one string, where they are the same
		if r.Public[i] != m {
			public = r.Public[i] + "/" + arch + "/" + name
		}
		it.urls = append(it.urls, url)
		if !slices.Contains(it.From, public) {
			it.From = append(it.From, public)
		}
	}
}

// addIndex brings an index into the work folder, from the first mirror that has one to be trusted.
func (d *Draft) addIndex(ctx context.Context, it *item, r assemble.InputRepository, p *assemble.PlatformInputs) error {
	err := d.transfer(ctx, it, func(file string) error { return d.readIndex(ctx, file, it, r, p) })
	if err != nil {
		return err
	}
	if it.SHA256, err = sumOf(ctx, d.part(it)); err != nil {
		return err
	}
	info, err := os.Stat(d.part(it))
	if err == nil {
		it.Size = info.Size()
	}
	return err
}

// readIndex checks an index's signature and notes what it says of the packages.
func (d *Draft) readIndex(ctx context.Context, file string, it *item, r assemble.InputRepository, p *assemble.PlatformInputs) error {
	d.parse.Lock()
	defer d.parse.Unlock()
	open := func(context.Context, string) (io.ReadCloser, error) { return os.Open(file) }
	x, err := apk.LoadIndex(ctx, openerFunc(open), apk.IndexOptions{Arch: p.Platform.Alpine(), Keyring: d.o.Keyring,
		Repository: &apk.Repository{Mirrors: []string{path.Dir(path.Dir(it.From[0]))}}})
	if err != nil {
		return err
	}
	if d.o.All {
		for _, q := range x.Packages {
			p.Packages = append(p.Packages, assemble.InputPackage{Package: &apk.Package{Name: strings.Clone(q.Name), Version: strings.Clone(q.Version),
				Arch: strings.Clone(q.Arch), Checksum: q.Checksum, Size: q.Size, Repository: r.Repository}})
		}
		return nil
	}
	versions := make(map[string][]string)
	listed := make(map[apk.Checksum]bool)
	for _, q := range x.Packages {
		versions[q.Name] = append(versions[q.Name], strings.Clone(q.Version))
		listed[q.Checksum] = true
	}
	for _, q := range p.Packages {
		if q.Repository == r.Repository && !listed[q.Checksum] {
			d.Unlisted = append(d.Unlisted, q.String()+" "+q.Arch)
			it.now = append(it.now, q.String()+" "+strings.Join(versions[q.Name], " "))
		}
	}
	return nil
}

// addPackages adds the packages' files.
func (d *Draft) addPackages(context.Context) error {
	slices.Sort(d.Unlisted)
	dirs := places(d.o.Inputs.Repositories)
	for _, p := range d.o.Inputs.Platforms {
		for _, q := range p.Packages {
			i := slices.IndexFunc(d.o.Inputs.Repositories, func(r assemble.InputRepository) bool { return r.Repository == q.Repository })
			it := &item{File: File{Path: path.Join(dirs[i], q.Arch, q.String()+".apk"), Kind: Package, Size: q.Size, Checksum: q.Checksum.String()},
				pkg: q.Package, data: q.Data}
			it.locate(d.o.Inputs.Repositories[i], q.Arch, q.String()+".apk")
			index := d.byPath[path.Join(dirs[i], p.Platform.Alpine(), indexName)]
			for _, line := range index.now {
				if name, now, _ := strings.Cut(line, " "); name == q.String() {
					it.Unlisted, it.now = true, strings.Fields(now)
				}
			}
			if _, err := d.add(it); err != nil {
				return err
			}
		}
	}
	for i := range d.o.Inputs.Platforms {
		d.o.Inputs.Platforms[i].Packages = nil // there may be many
	}
	return nil
}

// addRuntimes adds the runtimes' tarballs, and asks how large they are where the cache does not know.
func (d *Draft) addRuntimes(ctx context.Context) error {
	for _, p := range d.o.Inputs.Platforms {
		for _, r := range p.Runtimes {
			sum, ok := strings.CutPrefix(r.Digest, "sha256:")
			if !ok || len(sum) != 2*sha256.Size {
				return fmt.Errorf("runtime %s: its digest is %q, expected sha256: and 64 hex digits", r.Public, r.Digest)
			}
			for _, other := range d.items {
				if other.Kind == Runtime && slices.Contains(other.From, r.Public) && other.SHA256 != sum {
					return fmt.Errorf("runtime %s has two digests, %s and %s: URLs that differ in their query alone cannot be told apart in a bundle", r.Public, other.SHA256, sum)
				}
			}
			it, err := d.add(&item{File: File{Path: "runtimes/" + sum[:12] + "-" + safeName(path.Base(pathOf(r.Public))), Kind: Runtime, Size: -1,
				SHA256: sum, From: []string{r.Public}}, urls: []string{r.URL}})
			if err != nil {
				return err
			}
			if err := d.sizeRuntime(ctx, it); err != nil {
				return fmt.Errorf("runtime %s: %w", r.Public, err)
			}
		}
	}
	return nil
}

func (d *Draft) sizeRuntime(ctx context.Context, it *item) (err error) {
	if it.Size >= 0 {
		return nil
	}
	if d.o.Store != nil {
		if b, err := d.o.Store.Blob("sha256:" + it.SHA256); err == nil {
			it.Size = b.Size
			return nil
		}
	}
	if it.Size, _, err = d.o.Client.Stat(ctx, it.urls[0]); err == nil && it.Size < 0 {
		err = errors.New("its server does not say how large it is; build once (pyimg assemble), which brings it into the cache")
	}
	return err
}

// addKeys adds the keys that may have signed: those of Alpine that were asked for, and those that the user named.
func (d *Draft) addKeys(context.Context) error {
	if d.o.Keyring == nil {
		return nil
	}
	for _, k := range d.o.Keyring.Keys() {
		if k.Arches != nil && !slices.ContainsFunc(d.o.Inputs.Platforms, func(p assemble.PlatformInputs) bool {
			return slices.Contains(k.Arches, p.Platform.Alpine())
		}) {
			continue
		}
		der, err := x509.MarshalPKIXPublicKey(k.Public)
		if err != nil {
			return fmt.Errorf("key %q: %w", k.Name, err)
		}
		it := text(keyPath(safeKeyName(k.Name)), Key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		for _, a := range apk.AlpineKeys() {
			if a.Fingerprint == k.Fingerprint {
				it.Path, it.From = keyPath(a.Name()), []string{a.URL()}
			}
		}
		if old := d.byPath[it.Path]; old != nil && old.SHA256 != it.SHA256 {
			it.Path = keyPath(hex.EncodeToString(k.Fingerprint[:4]) + "-" + safeKeyName(k.Name))
		}
		if _, err := d.add(it); err != nil {
			return err
		}
	}
	return nil
}

// safeKeyName keeps the "@" that Alpine's keys have.
func safeKeyName(s string) string {
	parts := strings.Split(s, "@")
	for i := range parts {
		parts[i] = safeName(parts[i])
	}
	return strings.Join(parts, "@")
}

// text is a file whose content is at hand.
func text(path string, kind Kind, content []byte) *item {
	sum := sha256.Sum256(content)
	return &item{File: File{Path: path, Kind: kind, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}, text: content}
}

func (d *Draft) addTexts(context.Context) error {
	var errs []error
	for _, i := range d.o.Images {
		for _, it := range []*item{text(SpecPath(i.Name), Spec, i.Spec), text(LockPath(i.Name), Lock, i.Lock)} {
			if it.text != nil {
				_, err := d.add(it)
				errs = append(errs, err)
			}
		}
	}
	slices.SortFunc(d.items, func(a, b *item) int { return strings.Compare(a.Path, b.Path) })
	for _, it := range d.items {
		slices.Sort(it.From)
		check := it.File
		if check.SHA256 == "" {
			check.SHA256 = strings.Repeat("0", 2*sha256.Size)
		}
		errs = append(errs, check.check())
	}
	return errors.Join(errs...)
}

// examine finds out which files need not be fetched.
func (d *Draft) examine(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, it := range d.items {
		g.Go(func() error { return d.examineOne(ctx, it) })
	}
	return g.Wait()
}

func (d *Draft) examineOne(ctx context.Context, it *item) error {
	if d.o.Since != nil {
		if f, ok := d.o.Since.File(it.Path); ok && f.sameAs(it.File) {
			it.SHA256, it.at = f.SHA256, inBase
			return nil
		}
	}
	if it.at == ready || it.text != nil {
		it.at = ready
		return nil
	}
	if sum, err := d.inspect(ctx, it, below(d.dir, it.Path)); err == nil {
		it.SHA256, it.at = sum, kept
		return nil
	} else if ctx.Err() != nil {
		return err
	}
	if d.old != nil {
		if f, ok := d.old.File(it.Path); ok && !f.InBase && f.sameAs(it.File) {
			it.at = earlier
			return nil
		}
	}
	if r, err := d.fromStore(it); err == nil {
		it.at = cached
		return r.Close()
	}
	it.there = d.transferred(it)
	return nil
}

// sameAs tells whether a file of another bundle is what this one is to be, whose digest may not be known yet.
func (f File) sameAs(want File) bool {
	return want.SHA256 != "" && f.SHA256 == want.SHA256 || want.Kind == Package && f.Checksum == want.Checksum && f.Size == want.Size
}

// inspect tells whether a file is what the item is to be, and returns its SHA-256.
func (d *Draft) inspect(ctx context.Context, it *item, name string) (string, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() != it.Size {
		return "", fmt.Errorf("%q has %d bytes, expected %d", it.From[0], info.Size(), it.Size)
	}
	sum, err := sumOf(ctx, name)
	if err != nil {
		return "", err
	}
	if it.Kind != Package {
		if sum != it.SHA256 {
			err = &layers.DigestError{Name: it.From[0], Want: "sha256:" + it.SHA256, Got: "sha256:" + sum}
		}
		return sum, err
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	a, err := apk.OpenArchive(&untilDone{ctx, f}, apk.Expect{Package: it.pkg, Keyring: d.o.Keyring, Name: it.From[0]})
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, a.Data); err != nil {
		return "", err
	}
	if it.data != "" && it.data != "sha256:"+a.Control.DataHash {
		return "", &apk.HashError{Name: it.From[0], What: "data", Want: it.data, Got: "sha256:" + a.Control.DataHash}
	}
	return sum, nil
}

// reuse opens a file that need not be fetched.
func (d *Draft) reuse(ctx context.Context, it *item) (io.ReadCloser, error) {
	if it.at != earlier {
		return d.fromStore(it)
	}
	f, _ := d.old.File(it.Path)
	return d.old.Open(ctx, f)
}

// fromStore opens a file that a build kept; fs.ErrNotExist where none did.
func (d *Draft) fromStore(it *item) (io.ReadCloser, error) {
	switch {
	case d.o.Store == nil:
		return nil, fs.ErrNotExist
	case it.Kind == Package:
		return assemble.StoredArchive(it.pkg, d.o.Store)
	}
	return d.o.Store.Open("sha256:" + it.SHA256)
}

// measure sums up.
func (d *Draft) measure(context.Context) error {
	written := int64(0)
	for _, it := range d.items {
		if it.at == inBase {
			d.InBase += it.Size
			continue
		}
		d.Files++
		switch it.at {
		case remote:
			d.Fetch += it.Size - it.there
			written += it.Size - it.there
		case cached:
			d.Cached += it.Size
			written += it.Size
		case kept:
			d.Kept += it.Size
		case earlier:
			d.Kept += it.Size
			written += it.Size
		case ready:
			if it.text != nil || d.o.DryRun {
				written += it.Size
			}
		}
	}
	m, err := d.manifest()
	if err != nil {
		return err
	}
	text, err := m.textSize()
	if err != nil {
		return err
	}
	d.Bundle = m.Size() + text
	d.Need = written + text
	if d.o.Tar {
		if _, d.Bundle, err = layout(m); err != nil {
			return err
		}
		if d.o.Split > 0 {
			d.Bundle += sumsSize(filepath.Base(d.o.Output), d.Bundle, d.o.Split)
		}
		d.Need += d.Bundle
	}
	d.Free = freeSpace(d.dir)
	return nil
}

// manifest is the one that the bundle will have. Digests that are not known yet are zeros, which are as long.
func (d *Draft) manifest() (Manifest, error) {
	m := Manifest{Version: version}
	for _, p := range d.o.Inputs.Platforms {
		m.Platforms = append(m.Platforms, p.Platform.String())
	}
	for _, it := range d.items {
		f := it.File
		f.SHA256 = cmp.Or(f.SHA256, strings.Repeat("0", 2*sha256.Size))
		m.Files = append(m.Files, f)
	}
	if err := m.seal(); err != nil || d.o.Since == nil {
		return m, err
	}
	return m.since(*d.o.Since)
}

func (d *Draft) jobs() int { return cmp.Or(d.o.Jobs, 8) }
