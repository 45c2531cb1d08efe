package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/python"
	runtimes "github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/buildroot"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/internal/scratch"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/recipe"
	"github.com/pyimg/pyimg/recipe/build"
)

func runtimeBuildCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name: "build", Usage: "build an optimized CPython or an allocator from source",
		ArgsUsage: "NAME[@VERSION]",
		Description: "Builds by a recipe, in a sandbox without a network, from sources whose checksums are verified: CPython with a\n" +
			"profile and link-time optimization, jemalloc, mimalloc. The builder is a root of Alpine's packages, or --builder.\n" +
			"Prints the digest of the tarball, which is what a spec says in sha256.\n\n" +
			"Example: pyimg runtime build cpython@3.13 -o cpython-3.13-x86_64.tar.zst\n" +
			"         pyimg runtime build --print-recipe jemalloc >jemalloc.yaml\n" +
			"         pyimg runtime build --recipe jemalloc.yaml --source . -o jemalloc.tar.gz",
		Flags: append(append(flags.Source(), flags.Login()...),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FILE` write the tarball there, gzip or, where it ends in .zst, zstd"},
			&cli.StringFlag{Name: "recipe", Usage: "`FILE` build by this recipe instead of one of pyimg's"},
			&cli.BoolFlag{Name: "print-recipe", Usage: "print the recipe and build nothing"},
			&cli.StringFlag{Name: "profile", Value: recipe.Speed, Usage: "`speed|memory` what to optimize for"},
			&cli.StringFlag{Name: "march", Usage: "`MACHINE` let it need such a processor, as gcc's -march names it", DefaultText: "any of the platform"},
			&cli.StringFlag{Name: "allocator", Value: recipe.None, Usage: "`jemalloc|none` link this allocator into the interpreter"},
			&cli.StringSliceFlag{Name: "with", Usage: "`OPTION[,...]` build with what the recipe offers under options"},
			&cli.StringFlag{Name: "builder", Usage: "`SPEC|IMAGE|DIR` build in this root", DefaultText: "Alpine's packages that the recipe names"},
			&cli.StringSliceFlag{Name: "source", Usage: "`FILE|DIR` take the sources' archives from here where their checksums fit"},
			&cli.StringFlag{Name: "profile-data", Usage: "`FILE` take the profile of an earlier build from here; where it is not there, train and write it"},
			&cli.StringFlag{Name: "log", Usage: "`FILE` write there what the steps print", DefaultText: "the output's name with .log"},
			&cli.StringFlag{Name: "work", Usage: "`DIR` build in an empty folder, and leave it there", DefaultText: "a temporary one"},
			flags.Progress()),
		Action: action(con, runtimeBuild),
	})
}

func runtimeBuild(ctx context.Context, run *session.Session, c *cli.Context) error {
	r, err := chosenRecipe(c)
	if err != nil {
		return exit.WrongUse(err)
	}
	if c.Bool("print-recipe") {
		_, err := run.ResultWriter().Write(r.Text)
		return err
	}
	output := c.String("output")
	if output == "" || console.OnStdout(output) {
		return exit.Usagef("runtime build takes -o FILE; see \"pyimg runtime build --help\"")
	}
	platform, native, choice, err := buildChoice(c)
	if err == nil {
		err = r.Check(choice)
	}
	if err != nil {
		return exit.WrongUse(err)
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	work, done, err := workFolder(c.String("work"))
	if err != nil {
		return err
	}
	defer done()
	root, err := buildroot.Open(ctx, run, c, c.String("builder"), packagesOf(r.For(choice)), native)
	if err != nil {
		return err
	}
	return buildInto(ctx, run, c, building{r, root, choice, platform, work, output})
}

// chosenRecipe is the recipe that the arguments name.
func chosenRecipe(c *cli.Context) (recipe.Recipe, error) {
	own, name := c.String("recipe"), c.Args().First()
	switch {
	case c.NArg() > 1:
		return recipe.Recipe{}, fmt.Errorf("runtime build takes one NAME@VERSION, found %d", c.NArg())
	case own == "" && name == "":
		return recipe.Recipe{}, errors.New("runtime build takes what to build, such as cpython@3.13 or jemalloc, or --recipe FILE")
	case own == "":
		return recipe.Find(name)
	}
	r, err := recipe.Read(own)
	if err == nil && name != "" && name != r.Name && name != r.Name+"@"+r.Version {
		err = fmt.Errorf("%s is the recipe of %s@%s, not of %s", own, r.Name, r.Version, name)
	}
	return r, err
}

// buildChoice reads what is asked for, and the platform of the builder, which is this machine's.
func buildChoice(c *cli.Context) (platform, native spec.Platform, choice recipe.Choice, err error) {
	arch := runtime.GOARCH
	if arch == "arm" {
		arch = "arm/v7"
	}
	if native, err = spec.ParsePlatform("linux/" + arch); err != nil {
		return platform, native, choice, err
	}
	only, err := flags.Platforms(c)
	switch {
	case err != nil:
		return platform, native, choice, err
	case len(only) > 1:
		return platform, native, choice, errors.New("runtime build takes one platform; run it once for each")
	case len(only) == 1:
		platform = only[0]
	default:
		platform = native
	}
	choice = recipe.Choice{Machine: platform.Alpine(), Builder: native.Alpine(), Profile: c.String("profile"), March: c.String("march"), Allocator: c.String("allocator")}
	for _, list := range c.StringSlice("with") {
		choice.Options = append(choice.Options, strings.Split(list, ",")...)
	}
	return platform, native, choice, nil
}

func packagesOf(r recipe.Recipe) []string {
	names := make([]string, len(r.Packages))
	for i, p := range r.Packages {
		names[i] = p.Text
	}
	return names
}

// workFolder is where the build's files are: some two gigabytes for CPython.
func workFolder(named string) (dir string, done func(), err error) {
	if named != "" {
		entries, err := os.ReadDir(named)
		if err == nil && len(entries) > 0 {
			return "", nil, exit.Usagef("--work %s: the folder is not empty", named)
		}
		if err := os.MkdirAll(named, 0o755); err != nil {
			return "", nil, fmt.Errorf("making the folder of the build: %w", err)
		}
		dir, err = filepath.Abs(named)
		return dir, func() {}, err
	}
	return scratch.Dir("build", 0o755)
}

// building is one build.
type building struct {
	recipe   recipe.Recipe
	root     build.Root
	choice   recipe.Choice
	platform spec.Platform
	work     string
	output   string
}

// buildInto builds, packs, and writes the tarball.
func buildInto(ctx context.Context, run *session.Session, c *cli.Context, b building) error {
	created, err := run.Created()
	if err != nil {
		return err
	}
	if created.IsZero() {
		created = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) // as runtime pack has it
	}
	logName := cmp.Or(c.String("log"), b.output+".log")
	log, err := os.Create(logName)
	if err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	defer log.Close()
	last := &lastLines{to: log}
	started := time.Now()
	result, err := build.Run(ctx, b.recipe, b.root, run.Client(), build.Options{
		Choice: b.choice, Sources: c.StringSlice("source"), ProfileData: c.String("profile-data"), Work: b.work, Version: readVersion().Version,
		Epoch: created, Jobs: runtime.GOMAXPROCS(0), Log: last,
		Step: func(n, all int, name string) {
			if p := c.String("progress"); p != "quiet" && p != "none" {
				fmt.Fprintf(run.Stderr, "pyimg: [%d/%d] %s (%s)\n", n, all, name, time.Since(started).Round(time.Second))
			}
		},
		Notice: func(n sandbox.Notice) {
			if n.Warning {
				run.Warn(n.Text)
			}
		},
	})
	if step := (*build.StepError)(nil); errors.As(err, &step) {
		return fmt.Errorf("building %s %s: %w; the log is %s and ends so:\n%s", b.recipe.Name, b.recipe.Version, err, logName, last)
	}
	if err != nil {
		return fmt.Errorf("building %s %s: %w", b.recipe.Name, b.recipe.Version, err)
	}
	if b.choice.Cross() && result.Trained {
		run.Warn("built across, so without a profile: a machine of the platform itself makes a faster one")
	}
	return packBuilt(ctx, run, result.Folder, b, created)
}

// packBuilt makes the tarball, and refuses one that is not for the platform.
func packBuilt(ctx context.Context, run *session.Session, folder string, b building, created time.Time) error {
	store, err := run.TemporaryStore()
	if err != nil {
		return err
	}
	o := runtimes.PackOptions{Created: created}
	o.Layers.Strategy, o.Layers.Compression = "auto", "gzip"
	if strings.HasSuffix(b.output, ".zst") {
		o.Layers.Compression = "zstd"
	}
	packed, err := runtimes.Pack(ctx, folder, input.Access{Fetch: run.Client(), Store: store}, o)
	if err != nil {
		return err
	}
	if err := fits(packed.Report, b.platform); err != nil {
		return err
	}
	f, err := store.Open(packed.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := atomicfile.Replace(b.output, func(w io.Writer) error { _, err := io.Copy(w, f); return err }); err != nil {
		return fmt.Errorf("writing %q: %w", b.output, err)
	}
	if packed.Report.Python != nil {
		fmt.Fprintf(run.Stderr, "pyimg: %s: python %s (%s)\n", b.output, packed.Report.Python.Version, packed.Report.Python.Verdict)
	}
	fmt.Fprintln(run.ResultWriter(), packed.Digest)
	return nil
}

// fits refuses what a builder with another compiler than the recipe expects has made.
func fits(r python.Report, p spec.Platform) error {
	if r.Arch != p.Alpine() && !(p.Architecture == "arm" && r.Arch == "arm") {
		return fmt.Errorf("the build made files for %s, expected %s; does the builder have a cross compiler of that name?", cmp.Or(r.Arch, "no machine"), p.Alpine())
	}
	if r.Libc == "glibc" {
		return errors.New("the build made files for glibc, expected musl; the builder's gcc must be one for musl")
	}
	return nil
}

// quotedLines are how many lines of a log an error quotes.
const quotedLines = 15

// lastLines writes a log and remembers how it ends.
type lastLines struct {
	to   io.Writer
	tail []byte
}

// maxTail bounds what is remembered: lines of a compiler may be long.
const maxTail = 16 << 10

func (l *lastLines) Write(p []byte) (int, error) {
	l.tail = append(l.tail, p...)
	if len(l.tail) > maxTail {
		l.tail = append([]byte(nil), l.tail[len(l.tail)-maxTail:]...)
	}
	return l.to.Write(p)
}

func (l *lastLines) String() string {
	lines := bytes.Split(bytes.TrimSpace(l.tail), []byte("\n"))
	var b strings.Builder
	for _, line := range lines[max(0, len(lines)-quotedLines):] {
		fmt.Fprintf(&b, "  %s\n", termtext.Line(string(line)))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
