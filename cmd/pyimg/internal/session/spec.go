package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/near"
	"github.com/pyimg/pyimg/internal/termtext"
)

// spec reads the spec that is in force: the file given, else pyimg.yaml here, else that of --bundle, else the embedded one.
func (run *Session) spec(ctx context.Context, name string) (spec.Spec, error) {
	set, err := flags.Variables(run.flags)
	if err != nil {
		return spec.Spec{}, err
	}
	options := spec.Options{Set: set}
	if name != "" {
		s, err := options.Read(name)
		if errors.Is(err, fs.ErrNotExist) {
			s, bundleErr := run.bundledSpec(ctx, name)
			if !errors.Is(bundleErr, fs.ErrNotExist) {
				return s, bundleErr
			}
			if run.flags.String("bundle") != "" {
				err = fmt.Errorf("%w; %w", err, bundleErr)
			}
			if !errors.As(bundleErr, new(*bundle.FaultError)) {
				err = exit.WrongUse(fmt.Errorf("%w; %s", err, insteadOf(name)))
			}
		}
		return s, err
	}
	s, err := options.Read("pyimg.yaml")
	if errors.Is(err, fs.ErrNotExist) {
		s, err = run.bundledSpec(ctx, "")
	}
	if errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*exit.UsageError)) {
		if len(set) > 0 {
			return s, exit.Usagef("--set: there is no pyimg.yaml here, and the embedded spec declares no variables; name a spec that does")
		}
		s, _ = spec.Default()
		run.noteProject()
		return s, nil
	}
	return s, err
}

// insteadOf says what to do about a spec that does not exist: name the one that was meant, or write one.
func insteadOf(name string) string {
	if name == "-" {
		return `"-" is not read as stdin; to read the spec from a pipe, name /dev/stdin`
	}
	dir, base := filepath.Split(name)
	entries, _ := os.ReadDir(cmp.Or(dir, ".")) // without names there is nothing to propose
	var specs []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == ".yaml" || ext == ".yml" {
			specs = append(specs, e.Name())
		}
	}
	if meant := near.Name(base, specs); meant != "" {
		return fmt.Sprintf("did you mean %q?", dir+meant)
	}
	return "\"pyimg init\" writes pyimg.yaml for the project in a folder"
}

// noteProject says in the folder of a project that the embedded spec has nothing of it.
func (run *Session) noteProject() {
	for _, name := range []string{"Dockerfile", "Containerfile", "apko.yaml", "pyproject.toml", "requirements.txt"} {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			run.Warn(fmt.Sprintf("there is no pyimg.yaml here, so this is the embedded spec, which has nothing of %s; \"pyimg init\" writes a spec of it", name))
			return
		}
	}
}

// Spec is the spec that is in force, with the word of flags about its sources over the file's.
func (run *Session) Spec(ctx context.Context, name string) (spec.Spec, error) {
	s, err := run.spec(ctx, name)
	if err != nil {
		return s, err
	}
	return s, flags.ApplySource(run.flags, &s)
}

// SpecToBuild is the spec of that name, or that in force, with the word of all flags over the file's.
func (run *Session) SpecToBuild(ctx context.Context, name string) (spec.Spec, error) {
	if len(run.args) > 1 {
		return spec.Spec{}, exit.Usagef("%s takes one spec, found %s", run.command, termtext.Count(len(run.args), "argument"))
	}
	s, err := run.Spec(ctx, name)
	if err != nil {
		return s, err
	}
	if err := flags.AddPackages(run.flags, &s); err != nil {
		return s, err
	}
	if err := flags.ApplyImage(run.flags, &s); err != nil {
		return s, exit.WrongUse(err)
	}
	return s, nil
}
