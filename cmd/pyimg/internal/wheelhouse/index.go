package wheelhouse

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/push/artifact"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/registry"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Index is an index of wheels: a folder, or a copy of one in a registry.
type Index struct {
	*repository.Repository
	Copy *registry.Copy // nil for a folder
	Name string         // the folder or the reference
}

// OpenIndex opens the index that the first argument names: its folder, its reference, or the wheels.yaml that names it. The
// configuration is empty unless it was read.
func OpenIndex(ctx context.Context, run *session.Session, args []string) (Index, config.Config, error) {
	if len(args) == 1 && registryurl.IsReference(args[0]) {
		x, err := openIndex(ctx, run, args[0])
		return x, config.Config{}, err
	}
	if len(args) == 1 {
		if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
			return Index{Repository: repository.Open(args[0]), Name: args[0]}, config.Config{}, nil
		}
	}
	c, err := ReadConfig(args)
	if err != nil {
		return Index{}, c, err
	}
	x, err := openIndex(ctx, run, c.Path(c.Index))
	if err == nil && x.Copy == nil {
		if _, err := os.Stat(x.Dir()); err != nil {
			return x, c, exit.Usagef("opening the index: %w; \"pyimg wheels build\" makes it", err)
		}
	}
	return x, c, err
}

// openIndex opens a folder, which need not exist yet, or copies an index of a registry into the cache.
func openIndex(ctx context.Context, run *session.Session, where string) (Index, error) {
	if !registryurl.IsReference(where) {
		return Index{Repository: repository.Open(where), Name: where}, nil
	}
	x, err := OpenRegistry(ctx, run, where)
	if err != nil {
		return Index{}, err
	}
	store, err := run.Store()
	if err != nil {
		return Index{}, err
	}
	dir, err := store.Folder(ctx, "index of wheels "+x.Reference().String(), func(string) (int64, error) { return 0, nil })
	if err != nil {
		return Index{}, err
	}
	c, err := x.Checkout(ctx, dir)
	if err != nil {
		return Index{}, err
	}
	return Index{c.Folder, c, x.Reference().String()}, nil
}

// OpenRegistry opens an index in a registry for reading and writing.
func OpenRegistry(ctx context.Context, run *session.Session, where string) (*registry.Index, error) {
	ref, err := registryurl.ParseReference(where)
	if err != nil {
		return nil, exit.WrongUse(err)
	}
	if run.IsOffline() {
		return nil, fmt.Errorf("opening the index of wheels %s: no host is asked with --offline", ref)
	}
	if err := run.ReadLoginFor(strings.TrimPrefix(where, "oci:")); err != nil {
		return nil, err
	}
	repo, _, err := run.Registry().Repository(ctx, strings.TrimPrefix(ref.String(), "oci:"), true)
	if err != nil {
		return nil, err
	}
	return registry.Open(ref, repo, artifact.NewOpener(run.Registry())), nil
}

// Publish writes what follows from the records: pages and manifest of a folder, or the index in the registry, with the parts that jobs
// pushed there and all that other folders have.
func (x Index) Publish(ctx context.Context, sign func([]byte) ([]byte, error), parts ...string) (repository.Manifest, error) {
	if x.Copy == nil {
		m, err := x.Repository.Publish(sign)
		return m, Together(err, x.WriteStatus())
	}
	added, err := x.added(parts)
	if err != nil {
		return repository.Manifest{}, err
	}
	part, err := x.Copy.Part()
	if err != nil {
		return repository.Manifest{}, err
	}
	if part.Empty() && len(parts) == 0 && x.Copy.State.Digest == "" {
		return repository.Manifest{}, exit.Usagef("there is no index of wheels %s yet, and nothing to put into it: \"pyimg wheels build\" makes it", x.Name)
	}
	err = x.Copy.Publish(ctx, added, sign)
	return x.Copy.State.Manifest, err
}

// IsPart reports whether an argument names a part: REPOSITORY@DIGEST, or the folder of another index.
func IsPart(arg string) bool {
	return !registryurl.IsReference(arg) && strings.Contains(arg, "@sha256:")
}

// added are the parts that arguments name.
func (x Index) added(parts []string) (out registry.Added, err error) {
	of := x.Copy.Index.Reference().Repository
	for _, p := range parts {
		if !IsPart(p) {
			folder := repository.Open(p)
			part, err := registry.FolderPart(folder)
			if err != nil {
				return out, err
			}
			if part.Empty() {
				return out, exit.Usagef("%s is no index of wheels, or an empty one", p)
			}
			out.Parts, out.Folders = append(out.Parts, part), append(out.Folders, folder)
			continue
		}
		ref, err := registryurl.ParseReference("oci:" + p)
		if err != nil {
			return out, exit.WrongUse(err)
		}
		if ref.Repository != of {
			return out, exit.Usagef("the part %s is not in the repository of the index, %s: jobs push to it with \"wheels build --by-digest\"", p, of)
		}
		out.Digests = append(out.Digests, ref.Digest)
	}
	return out, nil
}

// Check compares an index with its manifest, and changes nothing. verify may be nil.
func (x Index) Check(ctx context.Context, verify func(manifest, signature []byte) error) (repository.Manifest, error) {
	if x.Copy == nil {
		return x.Repository.Check(verify)
	}
	return x.Copy.Index.Check(ctx, verify)
}
