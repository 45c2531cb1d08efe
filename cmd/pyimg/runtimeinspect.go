package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/push/disk"
)

func runtimeInspectCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name: "inspect", Usage: "tell what a runtime is, without running it",
		ArgsUsage: "FILE|URL|DIR|REF",
		Description: "Reports of a tarball, a folder, or an image in a registry or on disk which Python is in it, for which machine and C library,\n" +
			"how it was configured and compiled, what it needs, and what makes it big. An image on disk is oci:DIR[:TAG], oci-archive:FILE\n" +
			"or a folder with an oci-layout file.\n\n" +
			"Example: pyimg runtime inspect cpython-3.13.5-x86_64.tar.gz\n" +
			"         pyimg runtime inspect --platform linux/arm64 ghcr.io/home-assistant/base-python:3.14-alpine3.24",
		Flags:  append(append(flags.Content(), flags.Login()...), &cli.BoolFlag{Name: "offline", Usage: "read files and directories only, ask no host"}, &cli.BoolFlag{Name: "json", Usage: "as JSON, a list"}),
		Action: action(con, runtimeInspect),
	})
}

func runtimeInspect(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() != 1 {
		return exit.Usagef("runtime inspect takes one file, URL, folder or image; see \"pyimg runtime inspect --help\"")
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	reports, err := runtimeReports(ctx, run, c, c.Args().First())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return run.JSON(reports)
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(run.Stdout)
		}
		printRuntime(run.Stdout, r)
	}
	return nil
}

func runtimeReports(ctx context.Context, run *session.Session, c *cli.Context, arg string) ([]python.Inspection, error) {
	only, err := flags.Platforms(c)
	if err != nil {
		return nil, err
	}
	if !isRuntimeFile(arg) {
		if _, ok := session.OnDisk(arg); !ok && c.Bool("offline") {
			return nil, fmt.Errorf("reading image %q: no host is asked with --offline", arg)
		}
		index, err := run.Open(ctx, strings.TrimPrefix(arg, "image:"))
		if err != nil {
			return nil, err
		}
		store, err := run.Store()
		if err != nil {
			return nil, err
		}
		reports, skipped, err := image.Runtimes(ctx, index, store, only)
		run.WarnSkipped(skipped)
		return reports, err
	}
	if len(only) > 0 {
		return nil, exit.Usagef("--platform is for images, and %s is none", arg)
	}
	store, err := storeFor(run, arg)
	if err != nil {
		return nil, err
	}
	r, err := runtime.Inspect(ctx, arg, input.Access{Fetch: run.Client(arg), Store: store})
	return []python.Inspection{r}, err
}

// storeFor is the cache, but a temporary one for a folder, whose files need not be kept.
func storeFor(run *session.Session, arg string) (*layers.Store, error) {
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		return run.TemporaryStore()
	}
	return run.Store()
}

// isRuntimeFile reports whether the argument is a tarball or a folder of a runtime, and not an image.
func isRuntimeFile(arg string) bool {
	if strings.Contains(arg, "://") {
		return true
	}
	if _, _, ok := disk.SplitKind(arg); ok || strings.HasPrefix(arg, "image:") || disk.IsImage(arg) {
		return false
	}
	_, err := os.Stat(arg)
	return err == nil || strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "/")
}

func printRuntime(w io.Writer, r python.Inspection) {
	const shownDirs = 10
	line := func(name, format string, args ...any) {
		if text := termtext.Line(fmt.Sprintf(format, args...)); text != "" {
			fmt.Fprintf(w, "%-12s%s\n", name, text)
		}
	}
	line("platform", "%s", r.Platform)
	line("digest", "%s", r.Digest)
	b := r.Python
	if b != nil {
		line("python", "%s (%s)", b.Version, b.Verdict)
	}
	line("for", "%s", strings.TrimSpace(r.Arch+" "+r.Libc))
	line("prefix", "%s", r.Prefix)
	if b != nil {
		line("soabi", "%s", b.SOABI)
		line("library", "%s", map[bool]string{true: "libpython is shared", false: "libpython is in the program"}[b.Shared])
		line("malloc", "%s", mallocText(r))
		line("threads", "%s", stackText(b.ThreadStackSize))
		line("compiler", "%s", b.Compiler)
		line("flags", "%s", b.Flags)
		line("configure", "%s", strings.Join(b.Configure, " "))
	}
	for _, a := range r.Allocators {
		line("allocator", "%s (%s)", a.Path, a.Name)
	}
	for _, t := range r.TLS {
		line("tls", "%s: %s", t.Path, tlsText(t))
	}
	if b != nil || len(r.Bundled) > 0 {
		line("bundled", "%s", bundledText(r.Bundled))
	}
	line("needs", "%s", strings.Join(r.Needs, " "))
	line("size", "%s in %s, %s", termtext.Size(r.Size), termtext.Count(r.Files, "file"), map[bool]string{true: "stripped", false: "not stripped"}[r.Stripped])
	line("tests", "%s in %s", termtext.Size(r.Tests.Size), termtext.Count(r.Tests.Files, "file"))
	line("bytecode", "%s in %s", termtext.Size(r.Bytecode.Size), termtext.Count(r.Bytecode.Files, "file"))
	for i, d := range r.Dirs {
		if i == shownDirs {
			line("", "  and %s", termtext.Count(len(r.Dirs)-i, "more folder"))
			break
		}
		line("", "%9s  %s", termtext.Size(d.Size), d.Path)
	}
	for _, n := range r.Notes {
		line("note", "%s", n)
	}
}

func mallocText(r python.Inspection) string {
	var words []string
	for _, has := range []struct {
		it   bool
		name string
	}{{r.Python.Pymalloc, "pymalloc"}, {r.Python.Mimalloc, "mimalloc (PYTHONMALLOC=mimalloc)"}, {r.Links("jemalloc"), "jemalloc inside"}, {r.Python.NoBuiltinMalloc, "-fno-builtin-malloc"}} {
		if has.it {
			words = append(words, has.name)
		}
	}
	return strings.Join(words, ", ")
}

func tlsText(t python.TLS) string {
	switch {
	case t.Model == "":
		return "no relocation for thread-local variables"
	case t.Dynamic > 0:
		return fmt.Sprintf("%s: each use calls __tls_get_addr or a descriptor's function (%s)", t.Model, termtext.Count(t.Dynamic, "relocation"))
	}
	return t.Model + ", without calls of __tls_get_addr"
}

// bundledText names each library once, with its version where a bill of materials has it.
func bundledText(all []python.Bundled) string {
	var names []string
	for _, b := range all {
		if name := strings.TrimSpace(b.Name + " " + b.Version); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if names == nil {
		return "no library is named"
	}
	return strings.Join(names, ", ")
}

func stackText(n int64) string {
	if n == 0 {
		return "stacks of the C library's size"
	}
	return fmt.Sprintf("stacks of %d KiB", n>>10)
}
