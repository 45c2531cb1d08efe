package session

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/internal/scratch"
	"github.com/pyimg/pyimg/layers"
)

// Store is the cache, a temporary one where there is no home or it cannot be written, as in a CI container.
func (run *Session) Store() (*layers.Store, error) {
	if run.store != nil {
		return run.store, nil
	}
	s, why, err := run.lastingStore()
	if err == nil && why == nil {
		return run.keep(s), nil
	}
	if err != nil {
		return nil, err
	}
	temp, done, err := scratch.Dir("cache", 0o700)
	if err != nil {
		return nil, fmt.Errorf("no folder for the cache: %w; and no temporary one: %w; name a folder that can be written with --cache-dir", why, err)
	}
	run.atEnd(done)
	if s, err = layers.OpenStore(temp, kept.Files()...); err != nil {
		return nil, err
	}
	run.Warn(fmt.Sprintf("%v: using a temporary cache, so nothing is kept for the next run; name a folder with --cache-dir", why))
	return run.keep(s), nil
}

// lasting is the cache where it is kept from run to run, nil where there is none: what only reads indexes gains time by it and
// nothing else.
func (run *Session) lasting() *layers.Store {
	if run.store != nil {
		return run.store
	}
	s, why, err := run.lastingStore()
	switch {
	case err != nil:
		run.Warn(fmt.Sprintf("%v; indexes are read without it", err))
		return nil
	case why != nil:
		return nil
	}
	return run.keep(s)
}

func (run *Session) keep(s *layers.Store) *layers.Store {
	run.store = s
	run.atEnd(func() { _ = s.Close() })
	return s
}

// lastingStore opens the cache where it is kept from run to run. A folder that the user named must work; the usual one may
// be missing, and why says so.
func (run *Session) lastingStore() (s *layers.Store, why, err error) {
	dir := run.flags.String("cache-dir")
	if dir == "" {
		dir = run.Getenv("PYIMG_CACHE_DIR")
	}
	if dir != "" {
		s, err := layers.OpenStore(dir, kept.Files()...)
		return s, nil, err
	}
	dir = run.userCacheDir()
	if dir == "" {
		return nil, errors.New("neither XDG_CACHE_HOME nor HOME is set"), nil
	}
	s, why = layers.OpenStore(filepath.Join(dir, "pyimg"), kept.Files()...)
	return s, why, nil
}

// userCacheDir is where the XDG base directory specification puts caches; "" where there is no such place.
func (run *Session) userCacheDir() string {
	if dir := run.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if home := run.Getenv("HOME"); filepath.IsAbs(home) && home != "/" && home != "/nonexistent" {
		return filepath.Join(home, ".cache")
	}
	return ""
}

// TemporaryStore is a cache of its own, which goes with the session.
func (run *Session) TemporaryStore() (*layers.Store, error) {
	dir, done, err := scratch.Dir("runtime", 0o700)
	if err != nil {
		return nil, err
	}
	run.atEnd(done)
	return layers.OpenStore(dir, kept.Files()...)
}
