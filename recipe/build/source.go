package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/pyimg/pyimg/internal/mismatch"
	"github.com/pyimg/pyimg/recipe"
)

// maxSource bounds an archive; CPython's has 23 MB.
const maxSource = 2 << 30

// taken is the archive that was taken for a source.
type taken struct {
	recipe.Source
	Archive recipe.Archive
}

// fetchSources puts the archives of all sources into a folder: those that files of this machine have, and the others from their
// URLs. Each is verified.
func fetchSources(ctx context.Context, r recipe.Recipe, dir string, from Opener, given []string) ([]taken, error) {
	here, err := hashFiles(ctx, given)
	if err != nil {
		return nil, err
	}
	used := make(map[string]bool)
	out := make([]taken, len(r.Sources))
	for i, s := range r.Sources {
		to := filepath.Join(dir, fmt.Sprintf("%d-%s", i, s.File))
		out[i] = taken{s, recipe.Archive{File: s.File, SHA256: s.SHA256}}
		archives := append([]recipe.Archive{out[i].Archive}, s.Same...)
		at := slices.IndexFunc(archives, func(a recipe.Archive) bool { return here[a.SHA256] != "" })
		if at >= 0 {
			out[i].Archive = archives[at]
			name := here[archives[at].SHA256]
			used[name] = true
			if err := verified(ctx, to, archives[at].SHA256, name, func() (io.ReadCloser, error) { return os.Open(name) }); err != nil {
				return nil, err
			}
			continue
		}
		if err := verified(ctx, to, s.SHA256, s.URL, func() (io.ReadCloser, error) { return from.Open(ctx, s.URL) }); err != nil {
			return nil, fmt.Errorf("%w; if you have %s (sha256 %s), name it or its folder with --source", err, s.File, s.SHA256)
		}
	}
	return out, unused(given, here, used)
}

// unused refuses a file that was named and is no source: it is damaged, or of another version.
func unused(given []string, here map[string]string, used map[string]bool) error {
	for sum, name := range here {
		if slices.Contains(given, name) && !used[name] {
			return fmt.Errorf("the file %q has the sha256 %s, which no source of the recipe has; it is damaged or of another version", name, sum)
		}
	}
	return nil
}

// hashFiles returns the files by their SHA-256. Of a folder, those directly in it.
func hashFiles(ctx context.Context, given []string) (map[string]string, error) {
	sums := make(map[string]string)
	for _, at := range given {
		info, err := os.Stat(at)
		if err != nil {
			return nil, fmt.Errorf("opening a source: %w", err)
		}
		files := []string{at}
		if info.IsDir() {
			entries, err := os.ReadDir(at)
			if err != nil {
				return nil, fmt.Errorf("opening a folder of sources: %w", err)
			}
			files = nil
			for _, e := range entries {
				if e.Type().IsRegular() {
					files = append(files, filepath.Join(at, e.Name()))
				}
			}
		}
		for _, name := range files {
			sum, err := hashFile(ctx, name)
			if err != nil {
				return nil, err
			}
			sums[sum] = name
		}
	}
	return sums, nil
}

func hashFile(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %q: %w", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// verified copies an archive and compares its SHA-256; nothing is kept of one that differs.
func verified(ctx context.Context, to, sum, name string, open func() (io.ReadCloser, error)) error {
	in, err := open()
	if err != nil {
		return fmt.Errorf("fetching a source: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(in, maxSource+1))
	if err = errors.Join(err, out.Close(), ctx.Err()); err == nil && n > maxSource {
		err = fmt.Errorf("it has more than %d bytes", int64(maxSource))
	}
	if err != nil {
		return fmt.Errorf("fetching the source %q: %w", name, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return errors.Join(&mismatch.Error{Name: name, Want: "sha256:" + sum, Got: "sha256:" + got}, os.Remove(to))
	}
	return os.Chmod(to, 0o644)
}
