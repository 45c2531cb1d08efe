// Package pythons opens what "pyimg bench" measures, images, specs and runtimes, as Pythons that run in sandboxes.
package pythons

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/container"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/rootless"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/push/disk"
)

// Options say how Pythons are opened and run.
type Options struct {
	Platform  spec.Platform
	On        string   // the spec or image that runtimes are put on; "": the spec that is in force
	Allocator string   // the tarball of an allocator for all that name none; "": none
	Wheels    []string // files of wheels to be installed in all of them
	Program   string   // what to run, by its name or path; "" is python3
	Isolation sandbox.Isolation
	Timeout   time.Duration // of a process
	Memory    int64         // of a process, in bytes
	Mounts    []sandbox.Mount
	Notice    func(sandbox.Notice)
}

// Named is what a command line says of a Python: [NAME=]SOURCE[+ALLOCATOR].
type Named struct {
	Name      string // "" where the command line gives none
	Source    string
	Allocator string // the tarball of an allocator; "" where there is none
}

// Public is what the command line said without the secrets of URLs and the folders of files.
func (n Named) Public() string {
	public := shown(n.Source)
	if n.Allocator != "" {
		public += "+" + shown(n.Allocator)
	}
	return public
}

func shown(source string) string {
	if !strings.Contains(source, "://") && exists(source) {
		return filepath.Base(source)
	}
	return redact.URL(source)
}

// ParseNamed reads what the command line says of a Python. A file whose name has "=" or "+" is meant itself.
func ParseNamed(text string) (Named, error) {
	n := Named{Source: text}
	if name, rest, ok := strings.Cut(text, "="); ok && !exists(text) && !strings.ContainsAny(name, "/:?") {
		if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$`).MatchString(name) {
			return n, fmt.Errorf("%q: expected a name of up to 60 letters, digits, blanks, \".\", \"_\" and \"-\" before the \"=\"", text)
		}
		n.Name, n.Source = name, rest
	}
	for at := strings.LastIndex(n.Source, "+"); at > 0 && !exists(n.Source); at = strings.LastIndex(n.Source[:at], "+") {
		if isFile(n.Source[at+1:]) {
			n.Source, n.Allocator = n.Source[:at], n.Source[at+1:]
			break
		}
	}
	if n.Source == "" {
		return n, fmt.Errorf("%q names no image, spec or runtime", text)
	}
	return n, nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// isFile reports whether a text is a file or can only be a path or a URL.
func isFile(text string) bool {
	return exists(text) || strings.Contains(text, "://") || strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".")
}

// isRuntime reports whether a text names a tarball or a folder of a runtime, and not an image or a spec.
func isRuntime(text string) bool {
	if strings.Contains(text, "://") {
		return true
	}
	if _, _, ok := disk.SplitKind(text); ok || session.IsSpec(text) || disk.IsImage(text) {
		return false
	}
	at, here := session.OnDisk(text)
	return here && exists(at)
}

// Names are the names of Pythons, each once: those that were given, else what tells the sources apart.
func Names(all []Named) []string {
	bare := make([]string, len(all))
	for i, n := range all {
		bare[i] = strings.TrimSuffix(path.Base(filepath.ToSlash(redact.URL(n.Source))), ".yaml")
		for _, ext := range []string{".gz", ".zst", ".xz", ".bz2", ".tar", ".tgz", ".tzst"} {
			bare[i] = strings.TrimSuffix(bare[i], ext)
		}
	}
	bare = apart(bare)
	names := make([]string, len(all))
	for i, n := range all {
		names[i] = cmp.Or(n.Name, bare[i])
		if n.Name == "" && n.Allocator != "" {
			names[i] += " with " + strings.FieldsFunc(path.Base(filepath.ToSlash(redact.URL(n.Allocator))), func(r rune) bool { return r == '-' || r == '.' })[0]
		}
	}
	for i := range names {
		for k := 2; slices.Contains(names[:i], names[i]); k++ {
			names[i] = fmt.Sprintf("%s (%d)", strings.TrimSuffix(names[i], fmt.Sprintf(" (%d)", k-1)), k)
		}
	}
	return names
}

// apart leaves out the words that all names begin and end with.
func apart(names []string) []string {
	distinct := slices.Compact(slices.Sorted(slices.Values(names)))
	if len(distinct) < 2 {
		return names
	}
	words := make([][]string, len(distinct))
	for i, n := range distinct {
		words[i] = strings.Split(n, "-")
	}
	same := func(at func([]string) string) bool {
		for _, w := range words {
			if len(w) < 2 || at(w) != at(words[0]) {
				return false
			}
		}
		return true
	}
	first, last := func(w []string) string { return w[0] }, func(w []string) string { return w[len(w)-1] }
	short := make(map[string]string)
	for same(first) {
		for i := range words {
			words[i] = words[i][1:]
		}
	}
	for same(last) {
		for i := range words {
			words[i] = words[i][:len(words[i])-1]
		}
	}
	for i, n := range distinct {
		short[n] = strings.Join(words[i], "-")
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = short[n]
	}
	return out
}

// Open makes a Python ready to be run. The session is this Python's own, and must stay open as long as it is run.
func Open(ctx context.Context, run *session.Session, n Named, o Options) (*Python, error) {
	img, err := image(ctx, run, n, o)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	store, err := run.Store()
	if err != nil {
		return nil, err
	}
	folders, err := container.Folders(ctx, img, store, rootless.Owners())
	if err != nil {
		return nil, fmt.Errorf("unpacking the image: %w", err)
	}
	program := cmp.Or(o.Program, "python3")
	none := ""
	process, err := container.NewProcess(config.Config, folders, container.Options{Entrypoint: &none, Args: []string{program}})
	if err != nil {
		return nil, err
	}
	return &Python{command: sandbox.Command{
		Lower: folders, Args: process.Args, Env: process.Env, Dir: "/tmp", ReadOnly: true, Mounts: o.Mounts, Isolation: o.Isolation, Notice: o.Notice,
		User:   sandbox.User{UID: process.Account.UID, GID: process.Account.GID, Groups: process.Account.Groups},
		Limits: sandbox.Limits{Time: o.Timeout, Memory: o.Memory, Disk: o.Memory / 2, Processes: maxProcesses, Output: maxOutput},
	}}, nil
}

// image is the image that has the Python.
func image(ctx context.Context, run *session.Session, n Named, o Options) (v1.Image, error) {
	allocator := n.Allocator
	if allocator == "" && isRuntime(n.Source) {
		allocator = o.Allocator
	}
	if !isRuntime(n.Source) && allocator == "" && len(o.Wheels) == 0 {
		if isMissing(n.Source) {
			return nil, exit.Usagef("opening %q: there is no such file, and it is written as a path; expected an image, a layout, a spec (FILE.yaml) or a runtime's tarball", n.Source)
		}
		return run.Runnable(ctx, n.Source, o.Platform)
	}
	s, err := base(ctx, run, n, o)
	if err != nil {
		return nil, err
	}
	if allocator != "" {
		if err := addAllocator(ctx, run, &s, allocator); err != nil {
			return nil, err
		}
	}
	if err := s.Python.AddWheels(o.Wheels); err != nil {
		return nil, exit.WrongUse(err)
	}
	s.Platforms = []spec.Platform{o.Platform}
	return run.Assembled(ctx, s)
}

func isMissing(source string) bool {
	file, here := session.OnDisk(source)
	if !here || exists(file) {
		return false
	}
	at := strings.LastIndex(file, ":")
	return at < 0 || !exists(file[:at])
}

// base is the spec of a runtime's root with the runtime in it, or a spec or an image that gets an allocator or wheels.
func base(ctx context.Context, run *session.Session, n Named, o Options) (spec.Spec, error) {
	on := n.Source
	if isRuntime(n.Source) {
		on = o.On
	}
	s, err := onto(ctx, run, on)
	if err != nil {
		return s, err
	}
	if isRuntime(n.Source) {
		s.Runtimes = []spec.Runtime{{Source: absolute(n.Source)}}
		s.Allocator = spec.Allocator{Name: "none"}
	}
	s.Bytecode = "none" // Python writes its own where it is asked for
	return s, nil
}

// onto is a spec, or one that has an image as its base.
func onto(ctx context.Context, run *session.Session, on string) (spec.Spec, error) {
	if on == "" || session.IsSpec(on) {
		return run.Spec(ctx, on)
	}
	if isMissing(on) {
		return spec.Spec{}, exit.Usagef("opening %q: there is no such file", on)
	}
	return run.Based(on)
}

// absolute is a path that does not depend on the folder of a spec; a URL stays.
func absolute(name string) string {
	if strings.Contains(name, "://") {
		return name
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// addAllocator has a spec preload the allocator in a tarball, whichever it is.
func addAllocator(ctx context.Context, run *session.Session, s *spec.Spec, tarball string) error {
	store, err := run.Store()
	if err != nil {
		return err
	}
	found, err := runtime.Inspect(ctx, tarball, input.Access{Fetch: run.Client(tarball), Store: store})
	if err != nil {
		return fmt.Errorf("reading the allocator %q: %w", tarball, err)
	}
	if len(found.Allocators) == 0 {
		return exit.Usagef("%q has no allocator: expected a tarball with libjemalloc or libmimalloc", tarball)
	}
	s.Runtimes = append(slices.Clone(s.Runtimes), spec.Runtime{Source: absolute(tarball)})
	s.Allocator = spec.Allocator{Name: found.Allocators[0].Name, From: "runtime"}
	if s.Allocator.Name == "mimalloc" {
		s.Allocator.Use = spec.UsePreload
	}
	return nil
}
