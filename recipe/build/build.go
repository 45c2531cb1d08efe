package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/recipe"
)

// Opener opens the URL of a source.
type Opener interface {
	Open(ctx context.Context, url string) (io.ReadCloser, error)
}

// Root is where a recipe is built.
type Root struct {
	Lower  []string // folders, the lowest first; see sandbox.Command
	Env    []string // NAME=VALUE
	Name   string   // for the provenance: an image, a spec, a folder's name
	Digest string   // of the image, "sha256:..."; "" if it has none
}

// Options say how to build.
type Options struct {
	Choice      recipe.Choice
	Sources     []string // files and folders that may have the sources' archives
	ProfileData string   // file with the profile: read if it is there, else written; "" keeps none
	Work        string   // an empty folder for the build, of this machine's disk
	Version     string   // of pyimg
	Epoch       time.Time
	Jobs        int       // compilers at once
	Log         io.Writer // what the steps print
	Step        func(n, all int, name string)
	Notice      func(sandbox.Notice)
}

// Result is what was built.
type Result struct {
	Folder  string // below Options.Work: the root of what was made
	Trained bool   // a profile was made or taken
}

// A StepError says that a step failed. What it printed is in the log.
type StepError struct {
	Step string
	Code int
}

func (e *StepError) Error() string {
	return fmt.Sprintf("the step %q ended with code %d", e.Step, e.Code)
}

// Where the builder sees the build. The path is in no result: see the recipes' -ffile-prefix-map.
const (
	src         = "/usr/src"
	profileName = "profile.tar"
)

// Run builds a recipe. Where it fails nothing is kept but the log.
func Run(ctx context.Context, r recipe.Recipe, root Root, from Opener, o Options) (Result, error) {
	at := filepath.Join(o.Work, "src")
	if err := prepare(at); err != nil {
		return Result{}, err
	}
	given, err := takeProfile(at, o.ProfileData)
	if err != nil {
		return Result{}, err
	}
	trains := r.Trains(o.Choice) // before it is known that it need not
	o.Choice.ProfileData = given
	chosen := r.For(o.Choice)
	taken, err := fetchSources(ctx, chosen, filepath.Join(at, "in"), from, o.Sources)
	if err != nil {
		return Result{}, err
	}
	if err := copyFiles(filepath.Join(at, "files"), chosen); err != nil {
		return Result{}, err
	}
	b := builder{root, o, at, chosen}
	steps := append([]recipe.Step{unpacking(taken)}, chosen.Steps...)
	for i, step := range steps {
		o.Step(i+1, len(steps), step.Name)
		if err := b.run(ctx, step); err != nil {
			return Result{}, err
		}
	}
	if err := keepProfile(at, o.ProfileData, given); err != nil {
		return Result{}, err
	}
	folder := filepath.Join(at, "out")
	if err := describe(ctx, folder, r, chosen, root, taken, o); err != nil {
		return Result{}, err
	}
	return Result{Folder: folder, Trained: trains}, setTimes(folder, o.Epoch)
}

// prepare makes the folder that the builder sees, for the sandbox's user.
func prepare(at string) error {
	for _, dir := range []string{"", "in", "files", "out", "deps", "tmp"} {
		if err := os.MkdirAll(filepath.Join(at, dir), 0o755); err != nil {
			return fmt.Errorf("preparing the build: %w", err)
		}
		if err := give(filepath.Join(at, dir)); err != nil {
			return fmt.Errorf("preparing the build: %w", err)
		}
	}
	return nil
}

// give gives a folder to the user 0 of the sandbox, who for an ordinary user is the caller.
func give(dir string) error {
	owner, _ := sandbox.Owners()
	if owner == nil {
		return nil
	}
	id, _ := owner(0)
	return os.Chown(dir, id, id)
}

// unpacking is the step before those of a recipe.
func unpacking(sources []taken) recipe.Step {
	var script strings.Builder
	for i, s := range sources {
		fmt.Fprintf(&script, "mkdir -p '%s'\ntar -x %s -f 'in/%d-%s' -C '%s' --strip-components=1 --no-same-owner\n", s.Folder, compression(s.Archive.File), i, s.File, s.Folder)
		for _, p := range s.Patches {
			fmt.Fprintf(&script, "(cd '%s' && patch -p1 <'%s/files/%s')\n", s.Folder, src, p) // busybox's patch has no option for a folder
		}
	}
	return recipe.Step{Name: "unpack", Run: script.String()}
}

// compression is tar's option for an archive. Not every tar finds out itself.
func compression(file string) string {
	switch path.Ext(file) {
	case ".gz", ".tgz":
		return "-z"
	case ".bz2":
		return "-j"
	case ".xz":
		return "-J"
	}
	return ""
}

type builder struct {
	root   Root
	o      Options
	at     string
	recipe recipe.Recipe
}

// run runs one step.
func (b builder) run(ctx context.Context, step recipe.Step) error {
	fmt.Fprintf(b.o.Log, "\n==> %s\n", step.Name)
	ended, err := sandbox.Run(ctx, sandbox.Command{
		Lower: b.root.Lower, Args: []string{"/bin/sh", "-euxc", step.Run}, Env: b.environment(), Dir: src + "/" + step.Folder,
		Mounts: []sandbox.Mount{{Source: b.at, Target: src, Writable: true}}, ReadOnly: true,
		Stdout: b.o.Log, Stderr: b.o.Log, Notice: b.o.Notice,
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("starting the step %q: %w", step.Name, err)
	case ended.Code != 0:
		return &StepError{step.Name, ended.Code}
	}
	return nil
}

// environment is all that a step can see of the variables: nothing of the caller's.
func (b builder) environment() []string {
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/tmp", "TMPDIR=" + src + "/tmp", "LC_ALL=C", "TZ=UTC", "PYTHONHASHSEED=0",
		fmt.Sprintf("SOURCE_DATE_EPOCH=%d", b.o.Epoch.Unix()), fmt.Sprintf("JOBS=%d", max(b.o.Jobs, 1)),
		"SRC=" + src, "OUT=" + src + "/out", "DEPS=" + src + "/deps", "FILES=" + src + "/files", "PROFILE_DATA=" + src + "/" + profileName,
		"PKG_CONFIG_PATH=" + src + "/deps/lib/pkgconfig",
	}
	return append(append(env, b.root.Env...), b.recipe.Environment(b.o.Choice)...)
}

// takeProfile shows the builder a profile of an earlier build.
func takeProfile(at, name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err := copyFile(filepath.Join(at, profileName), name); err != nil {
		return false, fmt.Errorf("taking the profile: %w", err)
	}
	return true, nil
}

// keepProfile writes the profile that a build has made.
func keepProfile(at, name string, given bool) error {
	made := filepath.Join(at, profileName)
	info, err := os.Lstat(made)
	if name == "" || given || err != nil {
		return nil //nolint:nilerr // a build that trains nothing has no profile
	}
	if !info.Mode().IsRegular() { // a symlink would name a file outside of the sandbox
		return fmt.Errorf("keeping the profile: %q is no regular file", profileName)
	}
	if err := saveFile(name, made); err != nil {
		return fmt.Errorf("keeping the profile: %w", err)
	}
	return nil
}
