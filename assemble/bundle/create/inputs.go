package create

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/hostfiles"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/internal/redact"
)

// A LockedImage is a lock that a bundle holds, and the spec that it was made from.
type LockedImage struct {
	Name       string // of the files, without .lock and .yaml
	Spec, Lock []byte // their text; the spec is left out (nil) where it has credentials
	// Pack writes the files that the spec takes, as Lock.PackFiles does; nil where it takes none, or is left out.
	Pack func(context.Context, io.Writer) error
	// Python are the lock and requirements files of the spec, and those that they include, by their names in the spec; none where
	// the spec is left out.
	Python map[string][]byte
	// Bytecode are the lock's layers of bytecode, which not every machine can make, and Layers opens them: it makes what the cache
	// does not have.
	Bytecode []lock.Layer
	Layers   input.Layers
	// Secret is the file with credentials, the spec or one of what would be Python, for which the spec is left out; "" if it is not.
	Secret string
}

// NewLockedImage is a lock of that name, for the spec's platforms, with the spec that it fits, and what it takes.
func NewLockedImage(ctx context.Context, name string, l lock.Lock, s spec.Spec, src input.Access, keys *apk.Keyring) (image LockedImage, in assemble.Inputs, err error) {
	if l, err = l.Only(s.Platforms); err != nil {
		return image, in, err
	}
	if in, err = assemble.LockInputs(l, s); err != nil {
		return image, in, err
	}
	if err := locateWheels(ctx, &in, wheels.NewLocator(l, s, src), src); err != nil {
		return image, in, l.Named(err)
	}
	if image.Layers, err = assemble.NewSupply(l, s, src, keys); err != nil {
		return image, in, err
	}
	for _, p := range l.Platforms {
		for _, layer := range p.Layers {
			if layer.OfBytecode() {
				image.Bytecode = append(image.Bytecode, layer)
			}
		}
	}
	image.Name = name
	if image.Lock, err = l.Encode(); err != nil {
		return image, in, err
	}
	if err := wheels.Fit(ctx, l, s, nil); err != nil {
		return image, in, err
	}
	python, err := wheels.Inputs(ctx, s, nil)
	if err != nil {
		return image, in, err
	}
	if image.Secret = secretFile(s, python); image.Secret != "" {
		return image, in, nil
	}
	if image.Spec, err = specText(s); err != nil {
		return image, in, err
	}
	image.Python = python
	if s.TakesFolder() {
		image.Pack = func(ctx context.Context, w io.Writer) error { return hostfiles.Pack(ctx, l, s, nil, w) }
	}
	return image, in, nil
}

// secretFile is the spec, or a file that it reads for Python packages, if it has credentials, which are written nowhere.
func secretFile(s spec.Spec, python map[string][]byte) string {
	if s.HasCredentials() {
		return s.Name
	}
	for _, name := range slices.Sorted(maps.Keys(python)) {
		if redact.HasSecrets(string(python[name])) {
			return name
		}
	}
	return ""
}

// specText is the text of a spec, flags and all.
func specText(s spec.Spec) ([]byte, error) {
	text, err := s.YAML()
	if err != nil {
		return nil, err
	}
	again, err := spec.Parse(s.Name, text)
	if err == nil && again.Digest() != s.Digest() {
		err = errors.New("what is written of it reads as another spec")
	}
	return text, err
}

// Merge joins what several images are made of. It is an error where two specs call different places the same.
func Merge(inputs ...assemble.Inputs) (assemble.Inputs, error) {
	var out assemble.Inputs
	for _, in := range inputs {
		same := make(map[*apk.Repository]*apk.Repository)
		for _, r := range in.Repositories {
			i := slices.IndexFunc(out.Repositories, func(o spec.Repository) bool { return slices.Equal(o.Public, r.Public) })
			if i < 0 {
				out.Repositories = append(out.Repositories, r)
				i = len(out.Repositories) - 1
			}
			if !slices.Equal(out.Repositories[i].Mirrors, r.Mirrors) {
				return out, fmt.Errorf("two specs call different places %s; give absolute paths, or make two bundles", r.Public[0])
			}
			same[r.Repository] = out.Repositories[i].Repository
		}
		for _, p := range in.Platforms {
			mergePlatform(&out, p, same)
		}
	}
	slices.SortStableFunc(out.Platforms, func(a, b assemble.PlatformInputs) int { return cmp.Compare(a.Platform.Alpine(), b.Platform.Alpine()) })
	return out, nil
}

func mergePlatform(out *assemble.Inputs, p assemble.PlatformInputs, same map[*apk.Repository]*apk.Repository) {
	i := slices.IndexFunc(out.Platforms, func(o assemble.PlatformInputs) bool { return o.Platform == p.Platform })
	if i < 0 {
		out.Platforms = append(out.Platforms, assemble.PlatformInputs{Platform: p.Platform})
		i = len(out.Platforms) - 1
	}
	to := &out.Platforms[i]
	for _, q := range p.Packages {
		pkg := *q.Package
		pkg.Repository = same[pkg.Repository]
		if !slices.ContainsFunc(to.Packages, func(o assemble.InputPackage) bool {
			return o.Checksum == pkg.Checksum && o.Name == pkg.Name && o.Repository == pkg.Repository
		}) {
			to.Packages = append(to.Packages, assemble.InputPackage{Package: &pkg, Data: q.Data})
		}
	}
	for _, r := range p.Runtimes {
		if !slices.Contains(to.Runtimes, r) {
			to.Runtimes = append(to.Runtimes, r)
		}
	}
	for _, w := range p.Wheels {
		same := func(o assemble.InputWheel) bool {
			return o.Hashes["sha256"] == w.Hashes["sha256"] && o.Public == w.Public
		}
		if !slices.ContainsFunc(to.Wheels, same) {
			to.Wheels = append(to.Wheels, w)
		}
	}
}
