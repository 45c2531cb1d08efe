package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheels/audit"
	"github.com/pyimg/pyimg/wheels/builder"
	"github.com/pyimg/pyimg/wheels/repository"
)

func wheelsAuditCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "audit",
		Usage:     "compare the tags of wheels with what is in them",
		ArgsUsage: "WHEEL|MODULE.so|DIR...",
		Description: "Checks each file against RECORD, and machine code against the wheel's tags: its machine, musl or glibc, the names of extension\n" +
			"modules, symbols that musl does not have. Prints the libraries of the system that a wheel needs (so:NAME). A wheel that must not\n" +
			"be in an index for Alpine is an error, and the exit code is 6.\n\n" +
			"Example: pyimg wheels audit dist/*.whl",
		Flags: append(flags.Source(),
			&cli.StringFlag{Name: "spec", Usage: "`FILE` look for the libraries in the repositories of this spec; one that nothing provides is an error. --repository does it, too"},
			&cli.BoolFlag{Name: "json", Usage: "as JSON"}),
		Action: action(con, wheelsAudit),
	})
}

func wheelsAudit(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() == 0 {
		return exit.Usagef("wheels audit takes wheels, extension modules (.so), or folders of them")
	}
	var files []string
	for _, arg := range c.Args().Slice() {
		found, err := wheelsIn(arg)
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	reports := make([]audit.Report, len(files))
	var bad []error
	provides, err := libraries(ctx, run, c)
	if err != nil {
		return err
	}
	for i, file := range files {
		if reports[i], err = audit.File(ctx, file, audit.Options{Provides: provides}); err != nil {
			return fmt.Errorf("auditing %q: %w", file, err)
		}
		if err := reports[i].Err(); err != nil {
			bad = append(bad, err)
		}
	}
	if c.Bool("json") {
		if err := run.JSON(reports); err != nil {
			return err
		}
	} else {
		printAudits(run, reports)
	}
	if len(bad) > 0 {
		return fmt.Errorf("%s of %d must not be in an index for Alpine:\n%w", termtext.Count(len(bad), "wheel"), len(files), errors.Join(bad...))
	}
	return nil
}

// libraries finds libraries in the repositories that the command line names; nil where it names none.
func libraries(ctx context.Context, run *session.Session, c *cli.Context) (audit.Provides, error) {
	if !c.IsSet("spec") && !c.IsSet("repository") {
		return nil, nil
	}
	s, err := run.Spec(ctx, c.String("spec"))
	if err != nil {
		return nil, err
	}
	from, keys, err := run.Access(ctx, s, false)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, machine string, sonames []string) ([]repository.Alpine, error) {
		for _, name := range spec.Platforms() {
			p, err := spec.ParsePlatform(name)
			if own, ok := target.Machine(p.Alpine()); err == nil && ok && own == machine {
				return builder.Provides(ctx, s, p, from, keys, sonames)
			}
		}
		return nil, fmt.Errorf("looking for libraries: no platform of Alpine is the machine %q", machine)
	}, nil
}

func printAudits(run *session.Session, reports []audit.Report) {
	for _, r := range reports {
		for _, w := range r.Warnings {
			run.Warn(w)
		}
		if len(r.Errors) > 0 {
			continue // they are the error of the command
		}
		text := "runs anywhere"
		if r.Machine {
			text = "needs nothing but musl and Python"
		}
		if len(r.Needs) > 0 {
			text = "needs so:" + strings.Join(r.Needs, " so:")
		}
		for _, p := range r.Provided {
			text += fmt.Sprintf(", %s is in %s %s", p.So, p.Package, p.Version)
		}
		fmt.Fprintf(run.Stdout, "%s: %s\n", r.Wheel, text)
	}
}

// wheelsIn are the wheels and extension modules in a folder and below it, or the file itself.
func wheelsIn(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, exit.WrongUse(err)
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var found []string
	err = filepath.WalkDir(name, func(at string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && (strings.HasSuffix(at, ".whl") || strings.HasSuffix(at, ".so")) {
			found = append(found, at)
		}
		return err
	})
	slices.Sort(found)
	if err == nil && len(found) == 0 {
		err = exit.Usagef("the folder %q has no wheels and no extension modules", name)
	}
	return found, err
}
