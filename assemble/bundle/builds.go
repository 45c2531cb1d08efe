package bundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/bundle/supply"
)

// Builds are the wheels.yaml of a complete bundle and the list of what its builds need; fs.ErrNotExist where the bundle is not for
// builds.
func (b *Bundle) Builds(ctx context.Context) (config []byte, list supply.List, err error) {
	text, err := b.Read(ctx, manifest.SupplyPath)
	if err != nil {
		return nil, list, err
	}
	if list, err = supply.Parse(text); err != nil {
		return nil, list, &FaultError{b.Path, manifest.SupplyPath, err}
	}
	config, err = b.Read(ctx, manifest.ConfigPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, list, &FaultError{b.Path, manifest.ConfigPath, errors.New("it is missing")}
	}
	if sum := sha256.Sum256(config); err == nil && hex.EncodeToString(sum[:]) != list.Config {
		err = &FaultError{b.Path, manifest.ConfigPath, fmt.Errorf("it is not the one that %s was made of", manifest.SupplyPath)}
	}
	return config, list, err
}

// A Sums opens the sdists and wheels of a bundle by their SHA-256.
type Sums struct {
	bundle *Bundle
	files  map[string]manifest.File
}

// Sums are those of a complete bundle.
func (b *Bundle) Sums() Sums {
	s := Sums{b, make(map[string]manifest.File)}
	for f := range b.Files.All() {
		if f.Kind == manifest.Sdist || f.Kind == manifest.Wheel {
			s.files[f.SHA256] = f
		}
	}
	return s
}

// OpenSum opens a file by its SHA-256 in hexadecimal; fs.ErrNotExist where the bundle has none.
func (s Sums) OpenSum(ctx context.Context, sum string) (io.ReadCloser, error) {
	f, ok := s.files[sum]
	if !ok {
		return nil, fmt.Errorf("bundle %q has no file with the SHA-256 %s: %w", s.bundle.Path, sum, fs.ErrNotExist)
	}
	return s.bundle.Open(ctx, f)
}

// readBuilds reads what builds need: all of that has to be in the bundle.
func (v *verification) readBuilds(ctx context.Context) {
	_, list, err := v.bundle.Builds(ctx)
	if errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*FaultError)) {
		return
	}
	if err != nil {
		v.unread[manifest.Build] = true
		v.fault(manifest.SupplyPath, err)
		return
	}
	v.builds[manifest.SupplyPath], v.builds[manifest.ConfigPath] = true, true
	sums := v.bundle.Sums()
	for _, s := range list.Sources {
		for _, p := range s.Projects {
			for _, f := range p.Files {
				if f.Carried {
					v.needCarried(sums, f)
				}
			}
		}
	}
	for _, i := range list.Inputs {
		v.builds[i.Path()] = true
		v.missBuild(i.Path(), i.SHA256, i.Name)
	}
	from := newSources(v.bundle.Files, func(from string) string { return from })
	for _, r := range list.Runtimes {
		v.blobs["sha256:"+r.SHA256] = true
		if f, ok := from.find(r.URL); !ok || f.SHA256 != r.SHA256 {
			v.fault(manifest.SupplyPath, fmt.Errorf("it takes the runtime %s with the SHA-256 %s, and the bundle has it not", r.URL, r.SHA256))
		}
	}
	for _, i := range list.Images {
		if _, ok := v.bundle.File(manifest.BlobsDir + i.Digest[len("sha256:"):]); !ok {
			v.fault(manifest.SupplyPath, fmt.Errorf("it takes the image %s with the digest %s, and the bundle has it not", i.Ref, i.Digest))
		}
	}
}

// needCarried misses an sdist or a wheel of the list.
func (v *verification) needCarried(sums Sums, f supply.File) {
	sum := f.Hashes["sha256"]
	v.builds[sum] = true
	found, ok := sums.files[sum]
	switch {
	case !ok:
		v.fault(manifest.SupplyPath, fmt.Errorf("it takes %s with the SHA-256 %s, and the bundle has it not", f.Name, sum))
	case found.Name() != f.Name || f.Size > 0 && f.Size != found.Size:
		v.fault(found.Path, fmt.Errorf("%s calls it %s, of %d bytes", manifest.SupplyPath, f.Name, f.Size))
	}
}

func (v *verification) missBuild(at, sum, name string) {
	if f, ok := v.bundle.File(at); !ok || f.SHA256 != sum {
		v.fault(manifest.SupplyPath, fmt.Errorf("its wheels.yaml names %s, and the bundle has no %s", name, at))
	}
}
