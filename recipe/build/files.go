package build

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/recipe"
)

// copyFiles copies the files and patches that a recipe names.
func copyFiles(to string, r recipe.Recipe) error {
	names := r.Files
	for _, s := range r.Sources {
		names = append(names, s.Patches...)
	}
	for _, name := range names {
		err := fs.WalkDir(r.Dir(), name, func(at string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(r.Dir(), at)
			if err != nil {
				return err
			}
			target := filepath.Join(to, filepath.FromSlash(at))
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			return os.WriteFile(target, data, 0o644)
		})
		if err != nil {
			return fmt.Errorf("reading %q, which %s names: %w", name, path.Base(r.File), err)
		}
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// saveFile writes a file that a step has made to where the caller wants it, whole or not at all.
func saveFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return atomicfile.Write(filepath.Dir(to), to, func(f *os.File) error {
		_, err := io.Copy(f, in)
		return err
	})
}

// setTimes gives all files and folders one time, so that the same build has the same bytes. Bytecode does not depend on it: the
// recipes make the kind that is bound to no time (PEP 552).
func setTimes(folder string, at time.Time) error {
	return filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(name, at, at)
	})
}
