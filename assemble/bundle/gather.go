package bundle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/spec"
)

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
func places(rs []spec.Repository) []string {
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
	if u, err := url.Parse(location); err == nil && spec.IsURL(location) {
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
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(d.jobs())
	for i, r := range d.o.Inputs.Repositories {
		for p := range d.o.Inputs.Platforms {
			platform := &d.o.Inputs.Platforms[p]
			arch := platform.Platform.Alpine()
			it, err := d.add(&item{File: File{Path: path.Join(d.dirs[i], arch, indexName), Kind: Index, Size: -1}, at: ready})
			if err != nil {
				return err
			}
			it.locate(r, arch, indexName)
			g.Go(func() error { return d.addIndex(ctx, it, i, platform) })
		}
	}
	err := g.Wait()
	d.Indexes = d.fetched.Load()
	return err
}

// locate says where a file of a repository is.
func (it *item) locate(r spec.Repository, arch, name string) {
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
func (d *Draft) addIndex(ctx context.Context, it *item, repository int, p *assemble.PlatformInputs) error {
	err := d.transfer(ctx, it, func(file string) error { return d.readIndex(ctx, file, it, repository, p) })
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
func (d *Draft) readIndex(ctx context.Context, file string, it *item, repository int, p *assemble.PlatformInputs) error {
	d.parse.Lock()
	defer d.parse.Unlock()
	open := func(context.Context, string) (io.ReadCloser, error) { return os.Open(file) }
	x, err := apk.LoadIndex(ctx, openerFunc(open), apk.IndexOptions{Arch: p.Platform.Alpine(), Keyring: d.o.Keyring,
		Repository: &apk.Repository{Mirrors: []string{path.Dir(path.Dir(it.From[0]))}}})
	if err != nil {
		return err
	}
	if d.o.All {
		return d.list(x, repository)
	}
	versions := make(map[string][]string)
	listed := make(map[apk.Checksum]bool)
	for q := range x.Packages() {
		versions[q.Name] = append(versions[q.Name], strings.Clone(q.Version))
		listed[q.Checksum] = true
	}
	for _, q := range p.Packages {
		if q.Repository == d.o.Inputs.Repositories[repository].Repository && !listed[q.Checksum] {
			d.Unlisted = append(d.Unlisted, q.String()+" "+q.Arch)
			it.now = append(it.now, q.String()+" "+strings.Join(versions[q.Name], " "))
		}
	}
	return nil
}

// addPackages adds the packages' files.
func (d *Draft) addPackages(context.Context) error {
	if d.o.All {
		return d.joinListed()
	}
	slices.Sort(d.Unlisted)
	for _, p := range d.o.Inputs.Platforms {
		for _, q := range p.Packages {
			i := slices.IndexFunc(d.o.Inputs.Repositories, func(r spec.Repository) bool { return r.Repository == q.Repository })
			it := packageItem(d.dirs[i], d.o.Inputs.Repositories[i], q.Package)
			it.data = q.Data
			index := d.byPath[path.Join(d.dirs[i], p.Platform.Alpine(), indexName)]
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
			if r.Image() != "" {
				continue // it comes with the base images
			}
			sum, ok := strings.CutPrefix(r.Digest, "sha256:")
			if !ok || len(sum) != 2*sha256.Size {
				return fmt.Errorf("runtime %s: its digest is %q, expected sha256: and 64 hex digits", r.Public, r.Digest)
			}
			for _, other := range d.items {
				if other.Kind == Runtime && slices.Contains(other.From, r.Public) && other.SHA256 != sum {
					return fmt.Errorf("runtime %s has two digests, %s and %s: URLs that differ in their query alone cannot be told apart in a bundle", r.Public, other.SHA256, sum)
				}
			}
			it, err := d.add(&item{File: File{Path: runtimesDir + sum[:12] + "-" + safeName(path.Base(pathOf(r.Public))), Kind: Runtime, Size: -1,
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
		pem, err := keyText(k.Public)
		if err != nil {
			return fmt.Errorf("key %q: %w", k.Name, err)
		}
		it := text(keyPath(safeKeyName(k.Name)), Key, pem)
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

// addFiles adds what the specs take of their folders. Packing it tells how large it is.
func (d *Draft) addFiles(ctx context.Context) error {
	for _, i := range d.o.Images {
		if i.Pack == nil {
			continue
		}
		var size counter
		h := sha256.New()
		if err := i.Pack(ctx, io.MultiWriter(h, &size)); err != nil {
			return fmt.Errorf("packing the files of %s: %w", SpecPath(i.Name), err)
		}
		_, err := d.add(&item{File: File{Path: FilesPath(i.Name), Kind: Files, Size: int64(size), SHA256: hex.EncodeToString(h.Sum(nil))},
			read: func(ctx context.Context) (io.ReadCloser, error) { return packing(ctx, i.Pack), nil }})
		if err != nil {
			return err
		}
	}
	return nil
}

// packing reads what pack writes.
func packing(ctx context.Context, pack func(context.Context, io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(pack(ctx, w)) }() // ends when all is read, or r is closed
	return r
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
			check.SHA256 = unknown
		}
		errs = append(errs, check.check())
	}
	return errors.Join(errs...)
}
