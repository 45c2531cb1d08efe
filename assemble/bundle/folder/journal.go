package folder

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/regular"
)

// journalName, in the work folder, lists the files that runs have put into a bundle's folder or may have, a path a line.
// Those that the manifest does not name in the end are removed, also where an earlier run could not do so; nothing else is.
const journalName = "paths"

// note adds paths to the journal, before any of the files is written or removed.
func note(dir string, paths iter.Seq[string]) error {
	name := filepath.Join(Below(dir, WorkDir), journalName)
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%q is %s, and a file is expected; remove it", name, regular.Kind(info.Mode()))
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for p := range paths {
		_, _ = w.WriteString(p + "\n") // Flush says what went wrong
	}
	return errors.Join(w.Flush(), f.Close())
}

// noted yields the paths in the journal. One that was cut off has no end of line.
func noted(dir string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		f, err := regular.Open(filepath.Join(Below(dir, WorkDir), journalName))
		if err != nil {
			yield("", err)
			return
		}
		defer f.Close()
		for r := bufio.NewReader(f); ; {
			line, err := r.ReadString('\n')
			if err != nil || !yield(strings.TrimSuffix(line, "\n"), nil) {
				return
			}
		}
	}
}

// sweep removes what the journal lists and a manifest does not, and folders that are empty then.
func sweep(dir string, m manifest.Manifest) error {
	root, err := os.OpenRoot(dir) // whatever the journal says, nothing outside is removed
	if err != nil {
		return err
	}
	defer root.Close()
	for name, err := range noted(dir) {
		if err != nil {
			return err
		}
		if f, ok := m.File(name); ok && !f.InBase || !fs.ValidPath(name) {
			continue
		}
		if err := root.Remove(filepath.FromSlash(name)); err != nil && !gone(err) {
			return fmt.Errorf("removing what the bundle has no more: %w", err)
		}
		for p := path.Dir(name); p != "." && root.Remove(filepath.FromSlash(p)) == nil; p = path.Dir(p) {
		}
	}
	return nil
}

// gone reports whether a file is not there, nor perhaps its folder.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// Check is the manifest of the bundle in a folder, a zero one where there is none yet. It refuses a folder that holds
// something else than a bundle, or one in the making: the user meant another one.
func Check(dir string) (manifest.Manifest, error) {
	for {
		names, err := namesIn(dir)
		if err != nil {
			return manifest.Manifest{}, fmt.Errorf("looking into the folder %q: %w", dir, err)
		}
		if Exists(Below(dir, manifest.Name)) {
			b, err := bundle.Open(dir)
			if err != nil {
				return manifest.Manifest{}, fmt.Errorf("the folder %q is not empty and no bundle that this pyimg knows; name another one: %v", dir, err) //nolint:errorlint // no bundle is at fault
			}
			return b.Manifest, b.Close()
		}
		if len(names) == 0 || inTheMaking(dir, names) {
			return manifest.Manifest{}, nil
		}
		if now, err := namesIn(dir); err == nil && slices.Equal(now, names) { // no other run was at work meanwhile
			return manifest.Manifest{}, fmt.Errorf("the folder %q is not empty and no bundle: it holds %q; name another one", dir, names[0])
		}
	}
}

// inTheMaking reports whether what a folder holds is from a run of pyimg that is at work or was interrupted.
func inTheMaking(dir string, names []string) bool {
	work := Below(dir, WorkDir)
	if Exists(filepath.Join(work, journalName)) {
		return true
	}
	if !slices.Equal(names, []string{WorkDir}) {
		return false
	}
	inWork, err := namesIn(work)
	return err == nil && (len(inWork) == 0 || slices.Contains(inWork, lockName))
}

// namesIn lists a folder, sorted; nothing where it is not there.
func namesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if gone(err) {
		return nil, nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}
