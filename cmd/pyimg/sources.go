package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/layers"
)

// sourceFlags are the flags of the commands that read packages.
func sourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "platform", Usage: "`OS/ARCH[,...]` work on these platforms instead of the spec's"},
		&cli.StringSliceFlag{Name: "repository", Usage: "`URL|DIR` take packages from here, where ARCH/APKINDEX.tar.gz is, instead of from the spec's repositories; \"@TAG URL\" pins it"},
		&cli.StringSliceFlag{Name: "keyring", Usage: "`DIR|FILE` trust a key, or the *.pub keys in a folder, and nothing else but the spec's keys"},
		&cli.BoolFlag{Name: "allow-untrusted", Usage: "do not ask for signatures"},
		&cli.BoolFlag{Name: "offline", Usage: "read files and directories only, ask no host"},
		&cli.StringFlag{Name: "bundle", Aliases: []string{"mirror"}, Usage: "`BUNDLE` take from this bundle (a folder, a tar or a URL) what it has; spec and lock too, where there are no others"},
		&cli.StringFlag{Name: "bundle-id", Aliases: []string{"mirror-id"}, Usage: "`ID` demand that --bundle is the one that \"bundle create\" printed this of"},
		cacheFlag(),
		&cli.IntFlag{Name: "jobs", Usage: "`N` fetch and ingest so many packages at once, over all platforms", DefaultText: "twice the processors"},
	}
}

func cacheFlag() cli.Flag {
	return &cli.StringFlag{Name: "cache-dir", Usage: "`DIR` keep packages, layers and indexes there; runs may share it (default: $PYIMG_CACHE_DIR, else pyimg in the user's cache folder)"}
}

// applySourceFlags puts the command line's word over the spec's.
func applySourceFlags(c *cli.Context, s *spec.Spec) error {
	for _, name := range []string{"cache-dir", "bundle", "bundle-id", "spec", "python-lock", "allocator", "layers", "compression", "bytecode"} {
		if c.IsSet(name) && c.String(name) == "" {
			return exit.Usagef("--%s is given without a value; leave it out, or is a variable not set?", name)
		}
	}
	if c.IsSet("platform") {
		ps, err := spec.ParsePlatforms(strings.Join(c.StringSlice("platform"), ","))
		if err != nil {
			return exit.WrongUse(err)
		}
		s.Platforms = ps
	}
	if v := c.StringSlice("repository"); len(v) > 0 {
		if err := s.SetRepositories(v); err != nil {
			return exit.WrongUse(fmt.Errorf("--repository: %w", err))
		}
	}
	return nil
}

// sources opens what a build reads from. The caller calls done when the build is over. Without needStore there may be no
// store: what only reads indexes gains time by it and nothing else. Credentials go to hosts of s and of the other specs alone.
func (p program) sources(c *cli.Context, s spec.Spec, needStore bool, others ...spec.Spec) (src input.Access, done func(), err error) {
	if c.Int("jobs") < 0 {
		return src, func() {}, exit.Usagef("--jobs %d: expected a number from 0 on", c.Int("jobs"))
	}
	named := s.Locations()
	for _, o := range others {
		named = append(named, o.Locations()...)
	}
	client := p.client(c, named...)
	client.Jobs = c.Int("jobs")
	src = input.Access{Fetch: client, Jobs: c.Int("jobs"), Images: p.images(c), Warn: p.Warn, AllowUntrusted: c.Bool("allow-untrusted")}
	b, err := p.givenBundle(c)
	if err != nil {
		return src, func() {}, err
	}
	if b != nil { // what it has not comes from where it came from before
		src.Fetch, src.Images = b.Opener(s, src.Fetch), bundledImages(b, s, src.Images)
	}
	if needStore {
		store, closeStore, err := p.store(c)
		src.Store, done = store, closeStore
		if err != nil {
			return src, done, err
		}
	} else {
		if src.Store, _, err = p.lastingStore(c); err != nil {
			p.Warn(fmt.Sprintf("%v; indexes are read without it", err))
		}
		done = closing(src.Store)
	}
	if src.Store != nil {
		src.Runners = sandboxes{src.Store, p.Warn, new(sync.Once)}
	}
	src.Keyring, err = p.keyring(c, s, src.Fetch, src.Store)
	if err == nil && b != nil && b.Vouched {
		err = b.AddKeys(c.Context, src.Keyring)
	}
	return src, done, err
}

// client fetches for a command. Servers that ask for credentials get those of the environment where a location in named is
// theirs.
func (p program) client(c *cli.Context, named ...string) *fetch.Client {
	return &fetch.Client{Offline: c.Bool("offline"), Notice: p.Notice(c.String("progress")), Credentials: fetch.Environment(p.Getenv, named...)}
}

// lastingStore opens the cache where it is kept from run to run. A folder that the user named must work; the usual one may
// be missing, and why says so.
func (p program) lastingStore(c *cli.Context) (s *layers.Store, why, err error) {
	dir := c.String("cache-dir")
	if dir == "" {
		dir = p.Getenv("PYIMG_CACHE_DIR")
	}
	if dir != "" {
		s, err := layers.OpenStore(dir, kept.Files()...)
		return s, nil, err
	}
	dir = p.userCacheDir()
	if dir == "" {
		return nil, errors.New("neither XDG_CACHE_HOME nor HOME is set"), nil
	}
	s, why = layers.OpenStore(filepath.Join(dir, "pyimg"), kept.Files()...)
	return s, why, nil
}

// store opens the cache, a temporary one where there is no home or it cannot be written, as in a CI container.
func (p program) store(c *cli.Context) (*layers.Store, func(), error) {
	none := func() {}
	s, why, err := p.lastingStore(c)
	if err != nil || why == nil {
		return s, closing(s), err
	}
	temp, err := os.MkdirTemp("", "pyimg-cache-")
	if err != nil {
		return nil, none, fmt.Errorf("no folder for the cache: %w; and no temporary one: %w; name a folder that can be written with --cache-dir", why, err)
	}
	remove := func() { _ = os.RemoveAll(temp) } // what is left is in the temporary folder
	if s, err = layers.OpenStore(temp, kept.Files()...); err != nil {
		remove()
		return nil, none, err
	}
	p.Warn(fmt.Sprintf("%v: using a temporary cache, so nothing is kept for the next run; name a folder with --cache-dir", why))
	return s, remove, nil
}

// closing ends the use of a store, if there is one. What goes wrong there, the next run mends.
func closing(s *layers.Store) func() {
	return func() {
		if s != nil {
			_ = s.Close()
		}
	}
}

// userCacheDir is where the XDG base directory specification puts caches; "" where there is no such place.
func (p program) userCacheDir() string {
	if dir := p.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if home := p.Getenv("HOME"); filepath.IsAbs(home) && home != "/" && home != "/nonexistent" {
		return filepath.Join(home, ".cache")
	}
	return ""
}

// keyring trusts the keys of the command line and the spec and, where the command line names none, Alpine's own: these
// by fingerprint, wherever the file comes from.
func (p program) keyring(c *cli.Context, s spec.Spec, client input.Opener, store *layers.Store) (*apk.Keyring, error) {
	ring := apk.NewKeyring()
	named := c.StringSlice("keyring")
	for i, path := range slices.Concat(named, s.KeyPaths()) {
		err := ring.AddPath(path)
		if errors.Is(err, fs.ErrNotExist) && i >= len(named) && c.String("bundle") != "" {
			continue // a bundle has its spec's keys elsewhere: they count where --bundle-id or the lock vouches for them
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, exit.WrongUse(err)
		} else if err != nil {
			return nil, err
		}
	}
	if len(named) == 0 {
		ring.Missing = func(ctx context.Context, k apk.AlpineKey) ([]byte, error) { return alpineKey(ctx, k, client, store) }
	}
	return ring, nil
}

// alpineKey finds one of Alpine's keys: in the cache, on an Alpine host, else at Alpine's site. The keyring checks its
// fingerprint.
func alpineKey(ctx context.Context, k apk.AlpineKey, client input.Opener, store *layers.Store) ([]byte, error) {
	const maxKey = 64 << 10
	record := "alpine-key-" + k.ID
	if store != nil {
		if b, err := store.Record(record); err == nil {
			return b, nil
		}
	}
	if b, err := regular.Read(filepath.Join("/etc/apk/keys", k.Name()), maxKey); err == nil {
		return b, nil
	}
	f, err := client.Open(ctx, k.URL())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", k.URL(), err)
	}
	if store != nil {
		_ = store.SetRecord(record, b) // else it is asked for again
	}
	return b, nil
}

// openSpec reads the spec that is in force: the file given, else pyimg.yaml here, else that of --bundle, else the embedded one.
func (p program) openSpec(c *cli.Context, name string) (spec.Spec, error) {
	if name != "" {
		s, err := spec.Read(name)
		if errors.Is(err, fs.ErrNotExist) {
			s, bundleErr := p.bundledSpec(c, name)
			if !errors.Is(bundleErr, fs.ErrNotExist) {
				return s, bundleErr
			}
			if c.String("bundle") != "" {
				err = fmt.Errorf("%w; %w", err, bundleErr)
			}
			if !errors.As(bundleErr, new(*bundle.FaultError)) {
				err = exit.WrongUse(err)
			}
		}
		return s, err
	}
	s, err := spec.Read("pyimg.yaml")
	if errors.Is(err, fs.ErrNotExist) {
		s, err = p.bundledSpec(c, "")
	}
	if errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*exit.UsageError)) {
		s, _ = spec.Default()
		return s, nil
	}
	return s, err
}
