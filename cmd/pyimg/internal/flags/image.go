package flags

import (
	"fmt"
	"maps"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
)

// Image are the flags that put the command line's word over what the spec says of the image.
func Image() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "package", Usage: "`PKG` add a package to the spec's"},
		Base(),
		&cli.StringSliceFlag{Name: "runtime", Usage: "`SOURCE` use this runtime instead of the spec's: a URL, a file, image:REF, standalone:VERSION or apk; it may hold {alpine_arch}, {oci_arch}, {triple}"},
		&cli.StringFlag{Name: "python-lock", Usage: "`FILE` install the Python packages of this pylock.toml, uv.lock or requirements.txt instead of the spec's"},
		&cli.StringSliceFlag{Name: "wheel", Usage: "`DIR|URL|FILE` take wheels from this folder or index too, before the spec's; a .whl file is installed itself"},
		&cli.StringFlag{Name: "allocator", Usage: "`NAME` preload this malloc: jemalloc, mimalloc or none"},
		&cli.StringFlag{Name: "layers", Usage: "`auto|package|single` merge only what exceeds the limit, nothing, or everything"},
		&cli.StringSliceFlag{Name: "sbom", Usage: "`FORM` put a bill of materials into the image: cyclonedx, spdx or none"},
		&cli.StringFlag{Name: "bytecode", Usage: "`MODE` compile Python modules beforehand: unchecked, checked or none"},
		&cli.StringFlag{Name: "compression", Usage: "`gzip|zstd[:LEVEL]` compress all layers so (default: as each one is); the level, such as zstd:19, is for layers that are made"},
		&cli.StringSliceFlag{Name: "annotation", Usage: "`KEY=VALUE` put an annotation on the index and on each manifest, in addition to the spec's"},
	}
}

// Base says which image another one is built on.
func Base() cli.Flag {
	return &cli.StringFlag{Name: "base", Usage: "`IMAGE` build on this image, whose layers stay as they are: a reference, or oci:DIR[:TAG]"}
}

// ApplyBase puts the base of the command line over the spec's.
func ApplyBase(c Set, s *spec.Spec) error {
	v := c.String("base")
	if v == "" {
		return nil
	}
	if err := s.SetBase(v); err != nil {
		return fmt.Errorf("--base: %w", err)
	}
	return nil
}

// Lock says which file the lock is.
func Lock() cli.Flag {
	return &cli.StringFlag{Name: "lock", Usage: "`FILE` the lock (default: the spec's name with .lock, pyimg.lock for the embedded spec)"}
}

// ApplyImage puts the command line's word over what the spec says of the image.
func ApplyImage(c Set, s *spec.Spec) (err error) {
	if err := ApplyBase(c, s); err != nil {
		return err
	}
	if v := c.StringSlice("runtime"); len(v) > 0 {
		if err := s.SetRuntimes(v); err != nil {
			return fmt.Errorf("--runtime: %w", err)
		}
	}
	if err := applyPython(c, s); err != nil {
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
	if v := c.StringSlice("sbom"); len(v) > 0 {
		if err := s.SetSBOM(v); err != nil {
			return fmt.Errorf("--sbom: %w", err)
		}
	}
	if v := c.String("compression"); v != "" {
		if err := s.Layers.SetCompression(v); err != nil {
			return fmt.Errorf("--compression: %w", err)
		}
	}
	annotations, err := KeyValues(c, "annotation")
	if err != nil {
		return err
	}
	if len(annotations) > 0 {
		s.Image.Annotations = withAll(s.Image.Annotations, annotations)
	}
	return s.Layers.Check()
}

func applyPython(c Set, s *spec.Spec) error {
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

// OnlyPackages makes the spec ask for these packages and nothing else.
func OnlyPackages(s *spec.Spec, names []string) error {
	s.Packages, s.Asked, s.Runtimes, s.Allocator, s.Python = nil, nil, nil, spec.Allocator{}, spec.Python{}
	for _, name := range names {
		d, err := apk.ParseDependency(name)
		if err != nil {
			return exit.WrongUse(err)
		}
		s.Packages = append(s.Packages, d)
		s.Asked = append(s.Asked, spec.Asked{Name: d.Name, At: "the command line"})
	}
	return nil
}

// AddPackages adds those of --package to the spec's.
func AddPackages(c Set, s *spec.Spec) error {
	for _, name := range c.StringSlice("package") {
		d, err := apk.ParseDependency(name)
		if err != nil {
			return exit.WrongUse(fmt.Errorf("--package: %w", err))
		}
		s.Packages = append(s.Packages, d)
		s.Asked = append(s.Asked, spec.Asked{Name: d.Name, At: "--package"})
	}
	return nil
}
