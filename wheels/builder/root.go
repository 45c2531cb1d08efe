package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/container"
	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/wheels/pep517"
)

// made is a root that was made, or why it could not be.
type made struct {
	once    sync.Once
	root    pep517.Root
	sysroot pep517.Target
	err     error
}

// Root makes the root that builds for a target with packages in addition, and, for another machine, what stands for that one.
func (b *Builder) Root(ctx context.Context, target int, extra []apk.Dependency) (pep517.Root, pep517.Target, error) {
	key := fmt.Sprint(target, extra)
	b.mu.Lock()
	m := b.roots[key]
	if m == nil {
		m = new(made)
		b.roots[key] = m
	}
	b.mu.Unlock()
	m.once.Do(func() { m.root, m.sysroot, m.err = b.makeRoot(ctx, target, extra) })
	return m.root, m.sysroot, m.err
}

func (b *Builder) makeRoot(ctx context.Context, target int, extra []apk.Dependency) (root pep517.Root, sysroot pep517.Target, err error) {
	t := b.targets[target]
	native := b.targets[t.Native]
	if root.Lower, err = b.folders(ctx, native, b.packages(extra)); err != nil {
		return root, sysroot, fmt.Errorf("making the builder's root: %w", err)
	}
	if root.Lower, err = b.below(ctx, native.platform, root.Lower); err != nil {
		return root, sysroot, err
	}
	root.Python = "/" + strings.TrimPrefix(native.site.Interpreter, "/")
	for name, value := range b.config.Builder.Env {
		root.Env = append(root.Env, name+"="+b.Expand(target, value))
	}
	for _, m := range b.config.Builder.Mounts {
		source, err := filepath.Abs(b.config.Path(m.Host))
		if err != nil {
			return root, sysroot, err
		}
		root.Mounts = append(root.Mounts, sandbox.Mount{Source: source, Target: m.Path})
	}
	if t.Native != target {
		sysroot, err = b.sysroot(ctx, t, extra)
	}
	return root, sysroot, err
}

// Expand fills in what variables and settings may name of a target: {machine}, {triplet} and {alpine_arch}.
func (b *Builder) Expand(target int, value string) string {
	t := b.targets[target]
	triplet := strings.TrimSuffix(t.Target.Target.ExtSuffix[strings.Index(t.Target.Target.ExtSuffix, "-")+1:], ".so") // .cpython-313-x86_64-linux-musl.so
	if _, after, ok := strings.Cut(triplet, "-"); ok {
		triplet = after
	}
	return strings.NewReplacer("{machine}", t.Target.Target.Environment.PlatformMachine, "{alpine_arch}", t.platform.Alpine(), "{triplet}", triplet).Replace(value)
}

// folders assembles a root and unpacks it.
func (b *Builder) folders(ctx context.Context, t buildTarget, packages []apk.Dependency) ([]string, error) {
	p, err := b.resolve(ctx, t.python, t.platform, packages)
	if err != nil {
		return nil, err
	}
	from := b.from
	from.Runners = nil // no bytecode is made
	built, err := assemble.Build(ctx, p, from, assemble.BuildOptions{})
	if err != nil {
		return nil, err
	}
	index, err := built.Lock.Index(ctx, lock.FromStore(b.from.Store))
	if err != nil {
		return nil, err
	}
	img, err := image.For(index, t.platform)
	if err != nil {
		return nil, err
	}
	return container.Folders(ctx, img, b.from.Store, b.owners)
}

// image is the builder's image.
func (b *Builder) image(ctx context.Context, p spec.Platform) (v1.Image, error) {
	if b.from.Images == nil {
		return nil, errors.New("the builder is an image, and images cannot be opened here")
	}
	ref := b.config.Builder.Image
	if kind, rest, ok := strings.Cut(ref, ":"); ok && kind == "oci" {
		ref = "oci:" + b.config.Path(rest)
	}
	img, err := b.from.Images.Image(ctx, ref, p.String())
	if err != nil {
		return nil, fmt.Errorf("opening the builder's image: %w", err)
	}
	return img, nil
}

// Images are the builder's image by the platforms that it runs on; none where it is no image.
func (b *Builder) Images(ctx context.Context) (map[string]v1.Image, error) {
	images := make(map[string]v1.Image)
	if b.config.Builder.Image == "" {
		return images, nil
	}
	for n, t := range b.targets {
		if t.Native != n {
			continue
		}
		img, err := b.image(ctx, t.platform)
		if err != nil {
			return nil, err
		}
		images[t.platform.String()] = img
	}
	return images, nil
}

// below puts the image or folder of the configuration below the folders with the Python.
func (b *Builder) below(ctx context.Context, p spec.Platform, above []string) ([]string, error) {
	switch c := b.config.Builder; {
	case c.Folder != "":
		folder, err := filepath.Abs(b.config.Path(c.Folder))
		return append([]string{folder}, above...), err
	case c.Image != "":
		img, err := b.image(ctx, p)
		if err != nil {
			return nil, err
		}
		folders, err := container.Folders(ctx, img, b.from.Store, b.owners)
		return append(folders, above...), err
	}
	return above, nil
}

// sysroot is what a cross compiler needs of a target: the headers of its Python, the description of how that was built, and headers
// and libraries of packages.
func (b *Builder) sysroot(ctx context.Context, t buildTarget, extra []apk.Dependency) (pep517.Target, error) {
	folders, err := b.folders(ctx, t, extra)
	if err != nil {
		return pep517.Target{}, fmt.Errorf("making the root of %s: %w", t.platform, err)
	}
	python := path.Base(t.site.Folders[len(t.site.Folders)-1]) // the standard library's folder
	prefix := path.Dir(path.Dir(t.site.Folders[len(t.site.Folders)-1]))
	dir, err := b.from.Store.Folder(ctx, "sysroot 1 "+strings.Join(folders, "\n"), func(dir string) (size int64, err error) {
		to, err := os.OpenRoot(dir)
		if err != nil {
			return 0, err
		}
		defer to.Close()
		for _, from := range folders {
			for _, part := range []copied{
				{path.Join(prefix, "include"), "include", ""},
				{path.Join(prefix, "lib", python), path.Join("lib", python), "_sysconfigdata"},
				{"usr/include", "usr/include", ""}, {"usr/lib", "usr/lib", "lib"}, {"lib", "usr/lib", "lib"}, {"usr/lib/pkgconfig", "usr/lib/pkgconfig", ""},
			} {
				n, err := part.copy(to, from)
				if size += n; err != nil {
					return size, err
				}
			}
		}
		return size, nil
	})
	if err != nil {
		return pep517.Target{}, err
	}
	sysconfig, err := filepath.Glob(filepath.Join(dir, "lib", python, "_sysconfigdata*.py"))
	if err != nil || len(sysconfig) != 1 {
		return pep517.Target{}, fmt.Errorf("the Python of %s has %d files _sysconfigdata_*.py, expected one", t.platform, len(sysconfig))
	}
	return pep517.Target{Folder: dir, Python: python, Sysconfig: strings.TrimSuffix(filepath.Base(sysconfig[0]), ".py"),
		HostPlatform: "linux-" + t.Target.Target.Environment.PlatformMachine}, nil
}

// copied is a folder of a root, and where it is copied to. With only, files alone are copied whose names begin so, and nothing below.
type copied struct{ from, to, only string }

// copy copies what a root has of a folder, which may be nothing. Symlinks stay symlinks: libz.so leads to libz.so.1 next to it. A root is
// somebody else's, so none of its symlinks leads to a file of this machine: os.Root follows those alone that stay in their root.
func (c copied) copy(to *os.Root, root string) (size int64, err error) {
	from, err := openFolder(root, c.from)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("copying %s for a cross compiler: %w", c.from, err)
	}
	defer from.Close()
	err = fs.WalkDir(from.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := path.Join(c.to, name)
		switch {
		case d.IsDir() && c.only != "" && name != ".":
			return fs.SkipDir
		case d.IsDir():
			return to.MkdirAll(target, 0o755)
		case c.only != "" && !strings.HasPrefix(d.Name(), c.only):
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			link, err := from.Readlink(name)
			if err != nil {
				return err
			}
			_ = to.Remove(target) // of a lower folder
			return to.Symlink(link, target)
		case !d.Type().IsRegular():
			return nil // a whiteout
		}
		n, err := copyFile(to, target, from, name)
		size += n
		return err
	})
	if err != nil {
		err = fmt.Errorf("copying %s for a cross compiler: %w", c.from, err)
	}
	return size, err
}

// openFolder opens a folder of a root; a symlink in its path leads to another one of the same root. What is no folder, such as a whiteout,
// is not there.
func openFolder(root, name string) (*os.Root, error) {
	all, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	if info, err := all.Stat(name); err == nil && !info.IsDir() {
		return nil, fs.ErrNotExist
	}
	return all.OpenRoot(name)
}

func copyFile(to *os.Root, target string, from *os.Root, name string) (int64, error) {
	src, err := from.Open(name)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	_ = to.Remove(target) // of a lower folder
	dst, err := to.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(dst, src)
	return n, errors.Join(err, dst.Close())
}
