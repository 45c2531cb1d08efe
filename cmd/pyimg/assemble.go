package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push"
)

func (p program) assembleCommand() *cli.Command {
	flags := slices.Concat(sourceFlags(), imageFlags(), registryFlags(), pushFlags(), resultFlags())
	flags = append(flags,
		&cli.StringSliceFlag{Name: "push", Usage: "`REF` push the image to this reference in a registry"},
		&cli.StringSliceFlag{Name: "output", Usage: "`KIND:PATH[:NAME]` write the image to " + outputForms() + "; the file - is stdout"},
		lockFlag(),
		&cli.BoolFlag{Name: "locked", Usage: "demand a lock that fits the spec"},
		&cli.BoolFlag{Name: "no-lock", Usage: "leave the lock aside"},
		&cli.BoolFlag{Name: "print-spec", Usage: "print the spec that is in force, and do nothing else"},
	)
	return cmdline.Command(&cli.Command{
		Name:      "assemble",
		Usage:     "resolve, ingest, verify, then write or push an image",
		ArgsUsage: "[SPEC]",
		Description: "SPEC is pyimg.yaml where left out, else the embedded one. Prints REF@DIGEST for each --push, else the digest alone;\n" +
			"an archive that is written to stdout has that to itself, and the digest goes to stderr.\n\n" +
			"A lock next to the spec (see \"pyimg lock\") decides what the image is, and has to fit the spec. With --push nothing is then\n" +
			"fetched but what the registry lacks; with neither --push nor --output the image is made, to see that it still comes out so.\n\n" +
			"Example: pyimg assemble --push ghcr.io/you/python:3.14\n" +
			"         pyimg assemble app.yaml --platform linux/amd64 --output docker-archive:app.tar:app:latest\n" +
			"         pyimg assemble app.yaml --output docker-archive:-:app:latest | docker load",
		Flags:  flags,
		Action: p.assemble,
	})
}

// imageFlags are the flags that put the command line's word over what the spec says of the image.
func imageFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "package", Usage: "`PKG` add a package to the spec's"},
		&cli.StringSliceFlag{Name: "runtime", Usage: "`SOURCE` use this runtime instead of the spec's: a URL, a file, image:REF, standalone:VERSION or apk; it may hold {alpine_arch}, {oci_arch}, {triple}"},
		&cli.StringFlag{Name: "python-lock", Usage: "`FILE` install the Python packages of this pylock.toml, uv.lock or requirements.txt instead of the spec's"},
		&cli.StringSliceFlag{Name: "wheel", Usage: "`DIR|URL|FILE` take wheels from this folder or index too, before the spec's; a .whl file is installed itself"},
		&cli.StringFlag{Name: "allocator", Usage: "`NAME` preload this malloc: jemalloc, mimalloc or none"},
		&cli.StringFlag{Name: "layers", Usage: "`auto|package|single` merge only what exceeds the limit, nothing, or everything"},
		&cli.StringFlag{Name: "bytecode", Usage: "`MODE` compile Python modules beforehand: unchecked, checked or none"},
		&cli.StringFlag{Name: "compression", Usage: "`gzip|zstd[:LEVEL]` compress all layers so (default: as each one is); the level, such as zstd:19, is for layers that are made"},
		&cli.StringSliceFlag{Name: "annotation", Usage: "`KEY=VALUE` put an annotation on the index and on each manifest, in addition to the spec's"},
	}
}

func (p program) assemble(c *cli.Context) error {
	s, err := p.assembleSpec(c)
	if err != nil {
		return err
	}
	if c.Bool("print-spec") {
		return p.printSpec(s)
	}
	outputs, err := p.outputs(c, &s)
	if err != nil {
		return err
	}
	if err := p.readLogin(c); err != nil {
		return err
	}
	if err := p.registry(c).CheckRefs(c.StringSlice("push"), pushOptions(c)); err != nil {
		return exit.WrongUse(err)
	}
	l, locked, err := p.lockInForce(c, s)
	if err != nil {
		return err
	}
	src, done, err := p.sources(c, s, true)
	defer done()
	if err != nil {
		return err
	}
	pushing, err := p.beginPush(c, c.StringSlice("push"))
	if err != nil {
		return err
	}
	defer pushing.close()
	var open lock.OpenBlob
	if locked {
		open, err = p.supply(c, s, l, src, outputs)
	} else {
		l, open, err = p.fresh(c, s, src)
	}
	if err != nil {
		return pushing.cause(err)
	}
	index, err := l.Index(c.Context, open)
	if err != nil {
		return err
	}
	return pushing.cause(p.deliver(c, index, outputs, pushing))
}

// printSpec prints a spec without the credentials in its URLs.
func (p program) printSpec(s spec.Spec) error {
	text, err := s.Redacted().YAML()
	if err != nil {
		return err
	}
	if s.HasCredentials() {
		p.Warn("the spec's URLs are printed without their user names, passwords and queries")
	}
	_, err = p.Stdout.Write(text)
	return err
}

// assembleSpec is the spec in force, with the flags' word over the file's.
func (p program) assembleSpec(c *cli.Context) (spec.Spec, error) {
	return p.assembleSpecNamed(c, c.Args().First())
}

func (p program) assembleSpecNamed(c *cli.Context, name string) (spec.Spec, error) {
	if c.NArg() > 1 {
		return spec.Spec{}, exit.Usagef("%s takes one spec, found %s", c.Command.Name, termtext.Count(c.NArg(), "argument"))
	}
	s, err := p.openSpec(c, name)
	if err != nil {
		return s, err
	}
	if err := applySourceFlags(c, &s); err != nil {
		return s, err
	}
	for _, name := range c.StringSlice("package") {
		d, err := apk.ParseDependency(name)
		if err != nil {
			return s, exit.WrongUse(fmt.Errorf("--package: %w", err))
		}
		s.Packages = append(s.Packages, d)
		s.Asked = append(s.Asked, spec.Asked{Name: d.Name, At: "--package"})
	}
	if err := applyImageFlags(c, &s); err != nil {
		return s, exit.WrongUse(err)
	}
	return s, nil
}

func applyImageFlags(c *cli.Context, s *spec.Spec) (err error) {
	if v := c.StringSlice("runtime"); len(v) > 0 {
		if err := s.SetRuntimes(v); err != nil {
			return fmt.Errorf("--runtime: %w", err)
		}
	}
	if err := applyPythonFlags(c, s); err != nil {
		return err
	}
	if v := c.String("allocator"); v != "" {
		s.Allocator = spec.Allocator{}
		if s.Allocator.Name, err = spec.ParseAllocator(v); err != nil {
			return fmt.Errorf("--allocator: %w", err)
		}
	}
	if v := c.String("layers"); v != "" {
		s.Layers.Strategy = v
	}
	if v := c.String("bytecode"); v != "" {
		if err := s.SetBytecode(v); err != nil {
			return fmt.Errorf("--bytecode: %w", err)
		}
	}
	if v := c.String("compression"); v != "" {
		if err := s.Layers.SetCompression(v); err != nil {
			return fmt.Errorf("--compression: %w", err)
		}
	}
	annotations, err := keyValues(c, "annotation")
	if err != nil {
		return err
	}
	if len(annotations) > 0 {
		s.Image.Annotations = withAll(s.Image.Annotations, annotations)
	}
	return s.Layers.Check()
}

func applyPythonFlags(c *cli.Context, s *spec.Spec) error {
	if v := c.String("python-lock"); v != "" {
		if err := s.Python.SetLock(v); err != nil {
			return fmt.Errorf("--python-lock: %w", err)
		}
	}
	if err := s.Python.AddWheels(c.StringSlice("wheel")); err != nil {
		return fmt.Errorf("--wheel: %w", err)
	}
	if faults := s.Python.Faults(); len(faults) > 0 {
		return fmt.Errorf("python: %s", strings.Join(faults, "; "))
	}
	return nil
}

// withAll is a copy of a map with the entries of another.
func withAll(m, more map[string]string) map[string]string {
	out := maps.Clone(m)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, more)
	return out
}

// fresh makes the image without a lock. A layer that is found damaged when it is to be sent or written is made anew.
func (p program) fresh(c *cli.Context, s spec.Spec, src input.Access) (lock.Lock, lock.OpenBlob, error) {
	lock, err := p.build(c, src, func(src input.Access) (assemble.Plan, error) { return assemble.Resolve(c.Context, s, src) })
	if err != nil {
		return lock, nil, err
	}
	supply, err := assemble.NewSupply(lock, s, src)
	if err != nil {
		return lock, nil, err
	}
	return lock, supply.Open, nil
}

// build builds what a plan is found for.
func (p program) build(c *cli.Context, src input.Access, resolve func(input.Access) (assemble.Plan, error)) (lock lock.Lock, err error) {
	created, err := p.sourceDateEpoch()
	if err != nil {
		return lock, err
	}
	err = p.reporting(c, src, func(src input.Access) error {
		plan, err := resolve(src)
		if err != nil {
			return err
		}
		lock, err = assemble.Build(c.Context, plan, src, assemble.BuildOptions{Created: created})
		return err
	})
	return lock, err
}

// reporting shows what is fetched. Warnings wait until the display of progress has ended, which would overwrite them.
func (p program) reporting(c *cli.Context, src input.Access, do func(input.Access) error) error {
	report, err := p.Progress(c.String("progress"))
	if err != nil {
		return err
	}
	var warnings []string
	src.Progress, src.Warn = report, func(text string) { warnings = append(warnings, text) }
	err = do(src)
	report.Close()
	for _, w := range warnings {
		p.Warn(w)
	}
	return err
}

// sourceDateEpoch is the time that reproducible-builds.org's variable sets; zero where it is not set.
func (p program) sourceDateEpoch() (time.Time, error) {
	v := p.Getenv("SOURCE_DATE_EPOCH")
	if v == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(v, 10, 64)
	if err != nil || seconds < 0 || seconds > assemble.MaxCreated {
		return time.Time{}, exit.Usagef("SOURCE_DATE_EPOCH is %q, expected seconds since 1970, before the year 10000", v)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// deliver writes and pushes the image, and says what came out.
func (p program) deliver(c *cli.Context, index v1.ImageIndex, outputs []output, pushing *pushing) error {
	for _, o := range outputs {
		if err := p.write(c.Context, o, index); err != nil {
			return err
		}
	}
	if pushing != nil {
		r, err := p.finishPush(c, pushing, index)
		if err != nil {
			return err
		}
		return p.results(c, r)
	}
	r, err := push.Describe(index)
	if err != nil {
		return err
	}
	if err := p.results(c, r); err != nil {
		return err
	}
	if len(outputs) == 0 && c.String("progress") != "quiet" {
		fmt.Fprintln(p.Stderr, "pyimg: the image was made, and nothing was written: add --push REF, or --output "+outputForms())
	}
	return nil
}
