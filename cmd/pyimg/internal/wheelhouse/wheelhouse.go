// Package wheelhouse is what the commands of "pyimg wheels" work with: wheels.yaml, the sources, the builder, the index and the
// plan, opened as a session opens what others work with.
package wheelhouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/rootless"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/internal/scratch"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheels/build"
	"github.com/pyimg/pyimg/wheels/builder"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/download"
	"github.com/pyimg/pyimg/wheels/plan"
	"github.com/pyimg/pyimg/wheels/repository"
)

// DefaultFile is the configuration where the command line names none.
const DefaultFile = "wheels.yaml"

// House is an index of wheels with what it is made of.
type House struct {
	Config   config.Config
	Sources  []plan.Source
	Folders  []*plan.Folder // those of wanted.sdists
	Index    Index
	Records  []repository.Record
	Failures []repository.Failure
	Download *download.Downloader
	Builder  *builder.Builder
	Planner  *plan.Planner
	Built    *build.Built

	folders build.Folders // the store
}

// A Setting is a configuration, and the bundle that has what its builds need.
type Setting struct {
	config.Config
	carried *carried // nil: there is no bundle
}

// Read reads the configuration that the first argument names, or, with --bundle, that of the bundle.
func Read(ctx context.Context, run *session.Session, args []string) (Setting, error) {
	b, err := run.Bundle(ctx)
	if err != nil {
		return Setting{}, err
	}
	if b == nil {
		c, err := ReadConfig(args)
		return Setting{Config: c}, err
	}
	if len(args) > 0 {
		return Setting{}, exit.Usagef("with --bundle wheels.yaml comes out of the bundle: leave %s out; the index is where it says, from the current folder", args[0])
	}
	carried, err := openCarried(ctx, run, b)
	if err != nil {
		return Setting{}, err
	}
	return Setting{carried.config, carried}, nil
}

// ReadConfig reads the configuration that the first argument names.
func ReadConfig(args []string) (config.Config, error) {
	name := DefaultFile
	switch len(args) {
	case 0:
	case 1:
		name = args[0]
	default:
		return config.Config{}, exit.Usagef("expected one wheels.yaml, found %d arguments", len(args))
	}
	c, err := config.Read(name)
	if len(args) == 0 && errors.Is(err, fs.ErrNotExist) {
		return c, exit.Usagef("there is no %s here, which says what wheels to build; name another file, or write one: see docs/WHEELS.md", name)
	}
	return c, err
}

// Open opens the index and the sources, and works out the targets. from may report progress.
func Open(ctx context.Context, run *session.Session, s Setting, progress input.Progress) (*House, error) {
	c := s.Config
	from, keys, err := access(ctx, run, s)
	if err != nil {
		return nil, err
	}
	from.Progress = progress
	h := &House{Config: c, Download: download.New(from, s.sums()), folders: from.Store}
	if h.Index, err = openIndex(ctx, run, c.Path(c.Index)); err != nil {
		return nil, err
	}
	if h.Records, err = h.Index.Records(); err != nil {
		return nil, err
	}
	if h.Failures, err = h.Index.Failures(); err != nil {
		return nil, err
	}
	if h.Builder, err = builder.New(ctx, c, from, keys, rootless.Owners()); err != nil {
		return nil, err
	}
	h.Built = build.NewBuilt(h.Index.Repository, h.Records)
	o := plan.Options{Config: c, Targets: h.Builder.Targets(), Download: h.Download, Records: h.Records, Failures: make(map[string]repository.Failure),
		Root: h.Builder.Digest, Patch: func(file string) (string, error) { return digestOf(c, file) }, Built: h.Built.Wheel}
	for _, f := range h.Failures {
		o.Failures[f.Key] = f
	}
	if s.carried != nil {
		h.Sources, h.Folders, err = s.carried.sources(ctx)
	} else {
		h.Sources, h.Folders, err = sources(ctx, run, c, h.Download, from)
	}
	if err != nil {
		return nil, err
	}
	o.Sources, o.Folders = h.Sources, h.Folders
	h.Planner = plan.NewPlanner(o)
	return h, nil
}

// access is what the builder and the sources are read with. Credentials go to the hosts that wheels.yaml names.
func access(ctx context.Context, run *session.Session, s Setting) (input.Access, *apk.Keyring, error) {
	from, keys, err := run.Access(ctx, Spec(s.Config), true)
	if err == nil && s.carried != nil {
		err = s.carried.lend(ctx, &from, keys)
	}
	return from, keys, err
}

// Spec is a spec with all places that a configuration names.
func Spec(c config.Config) spec.Spec {
	s := spec.Spec{Name: c.Name, Dir: c.Dir, Alpine: c.Builder.Alpine, Platforms: c.Platforms, Runtimes: c.Pythons}
	s.Python.Wheels, s.Python.Mirrors = c.Sources, c.Mirrors
	return s
}

func sources(ctx context.Context, run *session.Session, c config.Config, d *download.Downloader, from input.Access) (all []plan.Source, wanted []*plan.Folder, err error) {
	s, opened := Spec(c), make(map[string]*plan.Folder)
	folder := func(name string) (*plan.Folder, error) {
		at := c.Path(name)
		if f := opened[at]; f != nil {
			return f, nil
		}
		f, err := plan.OpenFolder(ctx, at, d)
		if err != nil {
			return nil, exit.WrongUse(err)
		}
		for _, fault := range f.Faults {
			run.Warn(fault.Error() + "; it is left out")
		}
		opened[at] = f
		return f, nil
	}
	for _, name := range c.Sources {
		if m := from.Mirror(name); m != nil && s.Python.Mirrored(name) {
			all = append(all, plan.Source{Lister: m, Name: redact.URL(name), Served: true})
			continue
		}
		if registryurl.IsReference(name) {
			ref, err := registryurl.ParseReference(name)
			if err != nil {
				return nil, nil, exit.WrongUse(err)
			}
			all = append(all, plan.Source{Lister: artifact.NewIndex(ref, from.Fetch), Name: name, Served: true})
			continue
		}
		if spec.IsURL(name) {
			x, err := index.NewRemote(name, wheels.Pages(from.Fetch))
			if err != nil {
				return nil, nil, exit.WrongUse(err)
			}
			all = append(all, plan.Source{Lister: x, Name: redact.URL(name), Served: true})
			continue
		}
		f, err := folder(name)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, plan.Source{Lister: f, Name: name, Served: plan.IsIndex(c.Path(name))})
	}
	for _, name := range c.Wanted.Sdists {
		f, err := folder(name)
		if err != nil {
			return nil, nil, err
		}
		wanted = append(wanted, f)
		all = append(all, plan.Source{Lister: f, Name: name})
	}
	return all, wanted, nil
}

// maxPatch bounds a patch, which people write.
const maxPatch = 64 << 20

func digestOf(c config.Config, file string) (string, error) {
	data, err := c.ReadFile(file, maxPatch)
	if err != nil {
		return "", exit.WrongUse(fmt.Errorf("reading a patch: %w", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// Signer signs manifests with the key of the configuration; nil where it has none. The password of an encrypted key is that of the
// environment.
func (h *House) Signer(run *session.Session) (func([]byte) ([]byte, error), error) {
	return Signer(run, h.Config)
}

// Work makes the folder for what builds do not keep, which the sandbox's user may look into. done removes it.
func Work() (dir string, done func(), err error) { return scratch.Dir("wheels", 0o755) }

// PlatformName is a target for tables: "cp313 linux/amd64".
func PlatformName(t plan.Target) string { return strings.TrimSpace(t.Python + " " + t.Platform) }
