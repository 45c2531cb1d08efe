package wheelhouse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/bundle/supply"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/layers/local"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/download"
	"github.com/pyimg/pyimg/wheels/plan"
)

// carried is a configuration that a bundle has, with all that its builds need.
type carried struct {
	bundle *bundle.Bundle
	list   supply.List
	config config.Config
}

// openCarried reads the configuration of a bundle. Folders, patches and mounts of the builder are unpacked into the cache.
func openCarried(ctx context.Context, run *session.Session, b *bundle.Bundle) (*carried, error) {
	text, list, err := b.Builds(ctx)
	if errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*bundle.FaultError)) {
		return nil, exit.Usagef("the bundle %s has no wheels.yaml; \"pyimg bundle create --wheels wheels.yaml\" makes one that has", b.Path)
	}
	if err != nil {
		return nil, err
	}
	k := &carried{bundle: b, list: list}
	if k.config, err = config.Parse(b.Path+"/"+manifest.ConfigPath, text); err != nil {
		return nil, &bundle.FaultError{Bundle: b.Path, File: manifest.ConfigPath, Err: err}
	}
	k.config.Texts, k.config.Mirrors = carriedTexts{ctx, k}, nil
	return k, k.unpackAll(ctx, run)
}

// unpackAll has the configuration name the files and folders of this machine that the bundle's were unpacked into.
func (k *carried) unpackAll(ctx context.Context, run *session.Session) (err error) {
	store, err := run.Store()
	if err != nil {
		return err
	}
	unpack := func(name string) (string, error) {
		in, ok := k.list.Input(name)
		if !ok {
			return "", k.lacks(name)
		}
		dir, err := store.Folder(ctx, "input 1 "+in.Kind+" "+in.SHA256, func(dir string) (int64, error) { return k.unpack(ctx, in, dir) })
		if err != nil || in.Kind == supply.Folder {
			return dir, err
		}
		entries, err := os.ReadDir(dir)
		if err == nil && len(entries) != 1 {
			err = fmt.Errorf("the cache's folder %s has %d files, expected one", dir, len(entries))
		}
		if err != nil {
			return "", err
		}
		return filepath.Join(dir, entries[0].Name()), nil
	}
	c := &k.config
	for i, m := range c.Builder.Mounts {
		if c.Builder.Mounts[i].Host, err = unpack(m.Host); err != nil {
			return err
		}
	}
	if c.Builder.Folder != "" {
		if c.Builder.Folder, err = unpack(c.Builder.Folder); err != nil {
			return err
		}
	}
	for _, p := range c.Packages {
		for i, name := range p.Patches {
			if _, needed := k.list.Input(name); !needed {
				continue // nothing is built with it
			}
			if p.Patches[i], err = unpack(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *carried) lacks(name string) error {
	return &bundle.FaultError{Bundle: k.bundle.Path, File: manifest.SupplyPath, Err: fmt.Errorf("it lacks %s, which wheels.yaml names", name)}
}

// unpack writes an input of the bundle into a folder.
func (k *carried) unpack(ctx context.Context, in supply.Input, dir string) (int64, error) {
	f, ok := k.bundle.File(in.Path())
	if !ok || f.SHA256 != in.SHA256 {
		return 0, k.lacks(in.Name)
	}
	if in.Kind == supply.Text {
		text, err := k.bundle.Read(ctx, f.Path)
		if err != nil {
			return 0, err
		}
		return f.Size, os.WriteFile(filepath.Join(dir, f.Name()), text, 0o644)
	}
	r, err := k.bundle.Open(ctx, f)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	err = local.UnpackInto(ctx, dir, r)
	if errors.As(err, new(*local.PackedError)) && !errors.As(err, new(*bundle.FaultError)) {
		err = &bundle.FaultError{Bundle: k.bundle.Path, File: f.Path, Err: err}
	}
	return f.Size, err
}

// carriedTexts reads the requirements files, locks and patches of a bundle.
type carriedTexts struct {
	ctx context.Context //nolint:containedctx // a configuration lives as long as its command
	*carried
}

func (t carriedTexts) Read(name string, most int64) ([]byte, error) {
	if in, ok := t.list.Input(name); ok {
		return t.bundle.Read(t.ctx, in.Path())
	}
	if filepath.IsAbs(name) { // a patch that was unpacked
		return regular.Read(name, most)
	}
	return nil, t.lacks(name)
}

// sums opens what a bundle carries; nil without one.
func (s Setting) sums() download.Carried {
	if s.carried == nil {
		return nil
	}
	return s.carried.bundle.Sums()
}

// lend has the images of the bundle opened, and its keys trusted where its ID is known.
func (k *carried) lend(ctx context.Context, from *input.Access, keys *apk.Keyring) error {
	from.Images = carriedImages{k, from.Images}
	if keys == nil || !k.bundle.Vouched {
		return nil
	}
	return k.bundle.AddKeysOf(ctx, keys, Spec(k.config))
}

// sources are those of wheels.yaml, with what the bundle has of them.
func (k *carried) sources(ctx context.Context) (all []plan.Source, wanted []*plan.Folder, err error) {
	for i := range k.list.Sources {
		s := &k.list.Sources[i]
		if !s.Wanted {
			all = append(all, plan.Source{Lister: s, Name: s.Name + " in the bundle", Served: s.Served})
			continue
		}
		var sdists []index.Sdist
		for _, p := range s.Projects {
			l, _, err := s.List(ctx, p.Name)
			if err != nil {
				return nil, nil, err
			}
			sdists = append(sdists, l.Sdists...)
		}
		f := plan.NewFolder(sdists)
		wanted = append(wanted, f)
		all = append(all, plan.Source{Lister: f, Name: s.Name + " in the bundle"})
	}
	return all, wanted, nil
}

// carriedImages opens the builder's image, and those that runtimes come out of.
type carriedImages struct {
	*carried
	next input.Images
}

func (i carriedImages) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	name := ref
	if dir, ok := strings.CutPrefix(ref, "oci:"); ok {
		name = "oci:" + filepath.ToSlash(dir)
	}
	if digest, ok := i.list.Digest(name, platform); ok {
		return session.BundleImage(ctx, i.bundle, digest)
	}
	return i.next.Image(ctx, ref, platform)
}
