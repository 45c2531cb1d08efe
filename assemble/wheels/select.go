package wheels

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/pylock"
	"github.com/pyimg/pyimg/wheel/requirements"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/target"
)

// A Selection is which wheels a platform takes.
type Selection struct {
	Files    []source.File       // sorted by file name; a Path is ready to be opened
	Extras   map[string][]string // that are asked for, by name of project
	Warnings []string
}

// Sources are where Select looks.
type Sources struct {
	Indexes *index.Chain
	Texts   input.Texts // nil: files of Spec.Dir
}

// Select finds out which wheels a platform takes. The error is a *SelectError with all faults.
func Select(ctx context.Context, s spec.Spec, p spec.Platform, t target.Target, from Sources) (Selection, error) {
	var out Selection
	var err error
	switch {
	case s.Python.LockFor(p) != "":
		err = out.fromLock(ctx, s, s.Python.LockFor(p), t, from)
	case s.Python.Locks != nil:
		err = fmt.Errorf("python.lock names no lock for %s", p)
	case len(s.Python.Requirements) > 0:
		err = out.fromRequirements(ctx, s, t, from)
	}
	if err == nil {
		err = out.addFiles(s, t)
	}
	if err != nil {
		return out, &SelectError{err}
	}
	slices.SortFunc(out.Files, func(a, b source.File) int { return strings.Compare(a.Filename.Text, b.Filename.Text) })
	return out, nil
}

func (out *Selection) fromLock(ctx context.Context, s spec.Spec, name string, t target.Target, from Sources) error {
	at := s.Path(name)
	l, err := readLock(ctx, s, name, from.Texts)
	if err != nil {
		return err
	}
	chosen, err := l.Select(ctx, []target.Target{t}, pylock.Options{Extras: s.Python.Extras, Groups: s.Python.Groups, Completer: from.Indexes})
	if err != nil {
		return err
	}
	out.Warnings = append(out.Warnings, l.Warnings...)
	for _, f := range chosen[0] {
		out.Files = append(out.Files, fromLockAt(f, at))
	}
	return nil
}

// fromLockAt is a file of a lock at a path: its own path starts there.
func fromLockAt(f source.File, lock string) source.File {
	if f.Path != "" && !filepath.IsAbs(f.Path) {
		f.Path = filepath.Join(filepath.Dir(lock), filepath.FromSlash(f.Path))
	}
	return f
}

// readLock reads a pylock.toml or a uv.lock.
func readLock(ctx context.Context, s spec.Spec, name string, from input.Texts) (*pylock.Lock, error) {
	data, err := readText(ctx, s, name, from)
	if err != nil {
		return nil, fmt.Errorf("reading the lock of Python packages: %w", err)
	}
	if base := filepath.Base(name); base == "uv.lock" || strings.HasSuffix(base, ".uv.lock") {
		return pylock.ParseUV(data, name)
	}
	return pylock.Parse(data, name)
}

func (out *Selection) fromRequirements(ctx context.Context, s spec.Spec, t target.Target, from Sources) error {
	set, err := requirements.Parse(s.Python.Requirements, func(name string) ([]byte, error) { return readText(ctx, s, name, from.Texts) })
	if err != nil {
		if set != nil { // no index is asked, for no answer makes this right
			err = errors.Join(err, set.Check(ctx, []target.Target{t}))
		}
		return err
	}
	chosen, warnings, err := set.Select(ctx, []target.Target{t}, from.Indexes)
	if err != nil {
		return err
	}
	out.Files, out.Extras = chosen[0].Files, chosen[0].Extras
	out.Warnings = append(out.Warnings, slices.Concat(set.Warnings, warnings)...)
	return nil
}

// addFiles adds the wheels that the spec names themselves. Of those of one project the best one is taken.
func (out *Selection) addFiles(s spec.Spec, t target.Target) error {
	projects := make(map[string][]tag.Filename)
	paths := make(map[string]string)
	var errs []error
	var order []string
	for _, name := range s.Python.Files() {
		f, err := tag.ParseFilename(filepath.Base(name))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if projects[f.Name] == nil {
			order = append(order, f.Name)
		}
		projects[f.Name] = append(projects[f.Name], f)
		paths[f.Text] = s.Path(name)
	}
	for _, project := range order {
		best := t.Tags.Best(projects[project])
		switch {
		case best < 0:
			errs = append(errs, source.NoFit("wheel %q is not made for %s", projects[project][0].Text, t.Platform))
		case slices.ContainsFunc(out.Files, func(f source.File) bool { return f.Filename.Name == project }):
			errs = append(errs, fmt.Errorf("%s is named by the wheel %q and by the lock or requirements: name it once", project, projects[project][best].Text))
		default:
			f := projects[project][best]
			out.Files = append(out.Files, source.File{Filename: f, Path: paths[f.Text]})
		}
	}
	return errors.Join(errs...)
}

// readText reads a lock or requirements file, or one that such a file includes.
func readText(ctx context.Context, s spec.Spec, name string, from input.Texts) ([]byte, error) {
	if from != nil {
		return from.Read(ctx, name)
	}
	return regular.Read(s.Path(name), max(requirements.MaxSize, pylock.MaxSize))
}

// Inputs are the contents of a spec's lock and requirements files, and of those that these include, by their names in the spec.
func Inputs(ctx context.Context, s spec.Spec, from input.Texts) (map[string][]byte, error) {
	contents := make(map[string][]byte)
	read := func(name string) ([]byte, error) {
		data, err := readText(ctx, s, name, from)
		contents[filepath.ToSlash(name)] = data
		return data, err
	}
	if len(s.Python.Requirements) > 0 {
		if _, err := requirements.Parse(s.Python.Requirements, read); err != nil {
			return nil, &SelectError{err}
		}
		return contents, nil
	}
	for _, name := range s.Python.InputFiles() {
		if _, err := read(name); err != nil {
			return nil, &SelectError{fmt.Errorf("reading the lock of Python packages: %w", err)}
		}
	}
	return contents, nil
}

// digest is that of all inputs of a spec; "" where it has none.
func digest(ctx context.Context, s spec.Spec, from input.Texts) (string, error) {
	contents, err := Inputs(ctx, s, from)
	if len(contents) == 0 || err != nil {
		return "", err
	}
	sums := make([]string, 0, len(contents))
	for _, data := range contents { // a lock is the same wherever it is
		sum := sha256.Sum256(data)
		sums = append(sums, hex.EncodeToString(sum[:]))
	}
	slices.Sort(sums)
	all := sha256.Sum256([]byte(strings.Join(sums, "\n")))
	return "sha256:" + hex.EncodeToString(all[:]), nil
}
