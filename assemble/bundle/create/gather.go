package create

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// gather finds the files that the bundle is to hold. It fetches the indexes, and returns the packages of the inputs that
// these list no more.
func gather(ctx context.Context, o Options, f *fetcher) (p *plan, unlisted []string, err error) {
	p = newPlan(o)
	newer, err := addIndexes(ctx, p, o, f)
	if err != nil {
		return nil, nil, err
	}
	if !o.All {
		if unlisted, err = addPackages(p, o.Inputs, newer); err != nil {
			return nil, nil, err
		}
	}
	for _, add := range []func() error{
		func() error { return addRuntimes(ctx, p, o) },
		func() error { return addWheels(p, o) },
		func() error { return addBuilds(p, o.Builds) },
		func() error { return addLayers(p, o.Images) },
		func() error { return addKeys(p, o) },
		func() error { return addImages(ctx, p, o, f) },
		func() error { return addFiles(ctx, p, o.Images) },
		func() error { return addTexts(p, o.Images) },
	} {
		if err := add(); err != nil {
			return nil, nil, err
		}
	}
	p.sort()
	return p, unlisted, nil
}

// addRuntimes adds the runtimes' tarballs, and asks how large they are where the cache does not know.
func addRuntimes(ctx context.Context, p *plan, o Options) error {
	sums := make(map[string]string) // by URL
	for _, in := range o.Inputs.Platforms {
		for _, r := range in.Runtimes {
			if r.Image() != "" {
				continue // it comes with the base images
			}
			sum, ok := strings.CutPrefix(r.Digest, "sha256:")
			if !ok || len(sum) != 2*sha256.Size {
				return fmt.Errorf("runtime %s: its digest is %q, expected sha256: and 64 hex digits", r.Public, r.Digest)
			}
			if other := sums[r.Public]; other != "" && other != sum {
				return fmt.Errorf("runtime %s has two digests, %s and %s: URLs that differ in their query alone cannot be told apart in a bundle", r.Public, other, sum)
			}
			sums[r.Public] = sum
			if err := addRuntime(ctx, p, o, r, sum); err != nil {
				return fmt.Errorf("runtime %s: %w", r.Public, err)
			}
		}
	}
	return nil
}

func addRuntime(ctx context.Context, p *plan, o Options, r assemble.InputRuntime, sum string) (err error) {
	f := manifest.File{Path: manifest.RuntimePath(r.Public, sum), Kind: manifest.Runtime, SHA256: sum, From: []string{r.Public}}
	if _, ok := p.has(f.Path); !ok {
		if f.Size, err = runtimeSize(ctx, o, r); err != nil {
			return err
		}
	}
	return p.add(f, job{special: &special{urls: []string{r.URL}}})
}

func runtimeSize(ctx context.Context, o Options, r assemble.InputRuntime) (int64, error) {
	if o.Store != nil {
		if b, err := o.Store.Blob(r.Digest); err == nil {
			return b.Size, nil
		}
	}
	size, _, err := o.Client.Stat(ctx, r.URL)
	if err == nil && size < 0 {
		err = errors.New("its server does not say how large it is; build once (pyimg assemble), which brings it into the cache")
	}
	return size, err
}

// addKeys adds the keys that may have signed: those of Alpine that were asked for, and those that the user named.
func addKeys(p *plan, o Options) error {
	if o.Keyring == nil {
		return nil
	}
	for _, k := range o.Keyring.Keys() {
		if k.Arches != nil && !slices.ContainsFunc(o.Inputs.Platforms, func(in assemble.PlatformInputs) bool {
			return slices.Contains(k.Arches, in.Platform.Alpine())
		}) {
			continue
		}
		pem, err := manifest.KeyText(k.Public)
		if err != nil {
			return fmt.Errorf("key %q: %w", k.Name, err)
		}
		f := manifest.TextFile(manifest.KeyPath(k.Name), manifest.Key, pem)
		for _, a := range apk.AlpineKeys() {
			if a.Fingerprint == k.Fingerprint {
				f.Path, f.From = manifest.KeyPath(a.Name()), []string{a.URL()}
			}
		}
		if old, ok := p.has(f.Path); ok && old != f.SHA256 {
			f.Path = manifest.KeyPath(hex.EncodeToString(k.Fingerprint[:4]) + "-" + k.Name)
		}
		if err := p.add(f, job{special: &special{text: pem}}); err != nil {
			return err
		}
	}
	return nil
}

// addFiles adds what the specs take of their folders. Packing it says how large it is.
func addFiles(ctx context.Context, p *plan, images []LockedImage) error {
	for _, i := range images {
		if i.Pack == nil {
			continue
		}
		size, sum, err := manifest.Sum(func(w io.Writer) error { return i.Pack(ctx, w) })
		if err != nil {
			return fmt.Errorf("packing the files of %s: %w", manifest.SpecPath(i.Name), err)
		}
		f := manifest.File{Path: manifest.FilesPath(i.Name), Kind: manifest.Files, Size: size, SHA256: sum}
		read := func(ctx context.Context) (io.ReadCloser, error) { return Piped(ctx, i.Pack), nil }
		if err := p.add(f, job{special: &special{read: read}}); err != nil {
			return err
		}
	}
	return nil
}

// Piped reads what pack writes.
func Piped(ctx context.Context, pack func(context.Context, io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(pack(ctx, w)) }() // ends when all is read, or r is closed
	return r
}

// addTexts adds specs and locks, and what they read.
func addTexts(p *plan, images []LockedImage) error {
	var errs []error
	for _, i := range images {
		if i.Spec != nil {
			errs = append(errs, p.addText(manifest.SpecPath(i.Name), manifest.Spec, i.Spec))
		}
		if i.Lock != nil {
			errs = append(errs, p.addText(manifest.LockPath(i.Name), manifest.Lock, i.Lock))
		}
		errs = append(errs, addPython(p, i))
	}
	return errors.Join(errs...)
}
