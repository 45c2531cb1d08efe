package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/draft"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
)

// specFile is the spec that the other commands take where none is named.
const specFile = "pyimg.yaml"

func initCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "init",
		Usage:     "write a pyimg.yaml for the project in a folder",
		ArgsUsage: "[DIR]",
		Description: "Reads what the folder has: pyproject.toml, pylock.toml, uv.lock, requirements.txt, a Dockerfile with its\n" +
			".dockerignore, an apko.yaml, the files of a Home Assistant app. It writes a spec with comments next to them, and prints\n" +
			"each line that it could not take over, with the reason and what to do instead. It runs nothing and asks no host.\n\n" +
			"Example: pyimg init\n" +
			"         pyimg init --from docker/Dockerfile.prod -o - ./service",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FILE` write the spec there (default: pyimg.yaml in DIR); - is stdout"},
			&cli.BoolFlag{Name: "force", Usage: "replace a file that exists"},
			&cli.StringFlag{Name: "from", Usage: "`FILE` take this Dockerfile or apko.yaml, a path below DIR, not the one that is found"},
			&cli.StringFlag{Name: "target", Usage: "`STAGE` make the image of this stage of the Dockerfile, not of the last one"},
			&cli.StringFlag{Name: "runtime", Usage: "`SOURCE` use this runtime: a URL, a file, image:REF, standalone:VERSION or apk"},
		},
		Action: action(con, initSpec),
	})
}

func initSpec(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() > 1 {
		return exit.Usagef("init takes one folder; see \"pyimg init --help\"")
	}
	dir := cmp.Or(c.Args().First(), ".")
	switch info, err := os.Stat(dir); {
	case err != nil:
		return exit.Usagef("opening folder %q: %v", dir, errors.Unwrap(err))
	case !info.IsDir():
		return exit.Usagef("init takes a folder, and %q is a file; \"--from %s\" takes a Dockerfile or an apko.yaml", dir, filepath.Base(dir))
	}
	output := cmp.Or(c.String("output"), filepath.Join(dir, specFile))
	if _, err := os.Lstat(output); err == nil && !c.Bool("force") && !console.OnStdout(output) {
		return exit.Usagef("%q exists; --force replaces it, and -o FILE writes another one", output)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !console.OnStdout(output) {
		return fmt.Errorf("looking for %q: %w", output, errors.Unwrap(err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("opening folder %q: %w", dir, err)
	}
	defer root.Close()
	d, err := draft.Make(ctx, root.FS(), draft.Options{From: filepath.ToSlash(c.String("from")), Target: c.String("target"), Runtime: c.String("runtime")})
	if err != nil {
		return err
	}
	if console.OnStdout(output) {
		for _, f := range d.Files {
			run.Warn(fmt.Sprintf("the spec names %s, which only \"pyimg init\" without -o - writes", f.Name))
		}
		d.Files = nil
	}
	written, err := writeBeside(ctx, run, dir, d.Files, c.Bool("force"))
	if err != nil {
		return err
	}
	if err := run.WriteFile(ctx, output, d.Text); err != nil {
		return err
	}
	for _, n := range d.Notes {
		fmt.Fprintf(run.Stderr, "pyimg: %s\n", n)
	}
	if console.OnStdout(output) {
		return nil
	}
	for _, name := range append(written, output) {
		fmt.Fprintln(run.Stdout, name)
	}
	if same, err := sameFolder(filepath.Dir(output), dir); err == nil && !same {
		fmt.Fprintf(run.Stderr, "pyimg: the paths in %s start from its own folder; move it to %s\n", output, dir)
	}
	return nil
}

// writeBeside writes the files that a new spec names into its folder, and returns their names. It replaces none with another content
// unless it is forced to.
func writeBeside(ctx context.Context, run *session.Session, dir string, files []draft.File, force bool) ([]string, error) {
	var names []string
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		switch info, err := os.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("looking for %q: %w", name, errors.Unwrap(err))
		case !force:
			if have, err := os.ReadFile(name); !info.Mode().IsRegular() || err != nil || !bytes.Equal(have, f.Data) {
				return nil, exit.Usagef("%q exists, and the spec needs another content there; --force replaces it", name)
			}
		}
		names = append(names, name)
	}
	for i, f := range files {
		if err := os.MkdirAll(filepath.Dir(names[i]), 0o755); err != nil {
			return nil, err
		}
		if err := run.WriteFile(ctx, names[i], f.Data); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func sameFolder(a, b string) (bool, error) {
	one, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	other, err := os.Stat(b)
	if err != nil {
		return false, err
	}
	return os.SameFile(one, other), nil
}
