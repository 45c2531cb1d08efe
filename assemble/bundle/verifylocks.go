package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/hostfiles"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
)

// readLocks reads the locks and what they take: all of that has to be in the bundle.
func (v *verification) readLocks(ctx context.Context) {
	from := newSources(v.bundle.Files, func(from string) string { return from })
	wheels := make(map[string]manifest.File) // by SHA-256
	for _, f := range v.bundle.Of(manifest.Wheel) {
		wheels[f.SHA256] = f
	}
	for _, name := range v.bundle.Images() {
		lock, err := v.bundle.ReadLock(ctx, name)
		if err != nil {
			v.unread[manifest.Lock] = true
			v.fault(manifest.LockPath(name), err)
			continue
		}
		v.images = append(v.images, lock.Digest)
		v.fault(manifest.LockPath(name), v.needFiles(ctx, name, lock))
		v.fault(manifest.LockPath(name), v.needPython(ctx, name, lock))
		for _, p := range lock.Platforms {
			v.needWheels(name, p, wheels)
			for _, l := range p.Layers {
				v.layers[l.Digest] = v.layers[l.Digest] || l.OfBytecode()
			}
			for _, q := range p.Packages {
				v.fault(manifest.LockPath(name), v.need(from, q))
			}
			for _, r := range p.Sources() {
				v.blobs[r.Digest] = true
				if strings.HasPrefix(r.URL, "image:") {
					v.fault(manifest.LockPath(name), v.needImage(r))
					continue
				}
				if f, ok := from.find(r.URL); !ok || "sha256:"+f.SHA256 != r.Digest {
					v.fault(manifest.LockPath(name), fmt.Errorf("it takes %s with the digest %s, and the bundle has it not", r.URL, r.Digest))
				}
			}
		}
	}
}

// takenFiles are what a spec takes of its folder, and the lock that says what they are.
type takenFiles struct {
	spec spec.Spec
	lock lock.Lock
}

// needFiles notes that a spec takes files, and misses them where the bundle has them not.
func (v *verification) needFiles(ctx context.Context, name string, lock lock.Lock) error {
	spec, err := v.bundle.ReadSpec(ctx, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !spec.TakesFolder() {
		return nil // a spec with credentials is left out, and its files with it
	}
	if err != nil {
		return err
	}
	if _, ok := v.bundle.File(manifest.FilesPath(name)); !ok {
		return fmt.Errorf("its spec takes files of its folder, and the bundle has no %s", manifest.FilesPath(name))
	}
	v.files[manifest.FilesPath(name)] = takenFiles{spec, lock}
	return nil
}

// fitFiles packs again what the specs take of their files, and holds it against the locks: nothing else may be there, and
// the same has the same bytes.
func (v *verification) fitFiles(ctx context.Context) {
	for file, taken := range v.files {
		f, _ := v.bundle.File(file)
		size, sum, err := manifest.Sum(func(w io.Writer) error {
			return hostfiles.Pack(ctx, taken.lock, taken.spec, v.bundle.FolderOf(taken.spec), w)
		})
		switch {
		case errors.As(err, new(*lock.Error)):
			err = errors.New("it holds other files than the lock was made of")
		case err == nil && (size != f.Size || sum != f.SHA256):
			err = fmt.Errorf("it holds more than the spec takes, or has another form: the same files are packed in %d bytes, and these are %d", size, f.Size)
		}
		v.fault(file, err)
	}
}

// needImage misses the image that a runtime comes out of.
func (v *verification) needImage(r lock.Runtime) error {
	blob := manifest.BlobsDir + strings.TrimPrefix(r.Digest, "sha256:")
	if _, ok := v.bundle.File(blob); ok {
		return nil
	}
	return fmt.Errorf("it takes a part of %s with the digest %s, and the bundle has it not", r.URL, r.Digest)
}

// need notes a package that a lock takes, and misses it where the bundle has it not.
func (v *verification) need(from *sources, q lock.Package) error {
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
