package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
)

func diffCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "diff",
		Usage:     "compare packages, Python packages, files, configuration, sizes and layers of two images",
		ArgsUsage: "A B",
		Description: "A and B are image references, layouts or archives, made by any tool. Files are compared by type, size, mode,\n" +
			"owner and link, those of packages by their checksum, too. The exit code is 0 also where they differ.\n\n" +
			"Example: pyimg diff image:old image:new",
		Flags: append(append(flags.Content(), flags.Login()...),
			&cli.BoolFlag{Name: "all", Usage: "list all files and layers, not the first ones"},
			&cli.BoolFlag{Name: "json", Usage: "as JSON, with all files and layers"}),
		Action: action(con, diff),
	})
}

func diff(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() != 2 {
		return exit.Usagef("diff takes two images; see \"pyimg diff --help\"")
	}
	only, err := flags.Platforms(c)
	if err != nil {
		return err
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	a, err := run.Open(ctx, c.Args().Get(0))
	if err != nil {
		return err
	}
	b, err := run.Open(ctx, c.Args().Get(1))
	if err != nil {
		return err
	}
	store, err := run.Store()
	if err != nil {
		return err
	}
	diffs, skipped, err := image.Diff(ctx, a, b, store, only)
	if err != nil {
		return err
	}
	run.WarnSkipped(skipped)
	if c.Bool("json") {
		return run.JSON(diffs)
	}
	for i, d := range diffs {
		if i > 0 {
			fmt.Fprintln(run.Stdout)
		}
		printDifference(run.Stdout, d, c.Bool("all"))
	}
	return nil
}

func printDifference(w io.Writer, d image.Difference, all bool) {
	switch {
	case d.Only != "":
		fmt.Fprintf(w, "%s  only in %s\n", termtext.Line(d.Platform), strings.ToUpper(d.Only))
		return
	case d.Same:
		fmt.Fprintf(w, "%s  the same image\n", termtext.Line(d.Platform))
		return
	}
	fmt.Fprintf(w, "%s\n  size        %s -> %s compressed, %s -> %s unpacked\n", termtext.Line(d.Platform),
		termtext.Size(d.Size[0]), termtext.Size(d.Size[1]), termtext.Size(d.Unpacked[0]), termtext.Size(d.Unpacked[1]))
	printChanges(w, "config", d.Config)
	printChanges(w, "package", d.Packages)
	printChanges(w, "runtime", d.Runtimes)
	printChanges(w, "wheel", d.Wheels)
	printLayers(w, d.Layers, all)
	l := lines{w: w, all: all}
	for _, f := range d.Files {
		switch {
		case f.A == nil:
			l.print("  file        + %s (%s)", termtext.Line(f.Path), termtext.Size(f.B.Size))
		case f.B == nil:
			l.print("  file        - %s (%s)", termtext.Line(f.Path), termtext.Size(f.A.Size))
		default:
			l.print("  file        ~ %s: %s", termtext.Line(f.Path), termtext.Line(describe(f)))
		}
	}
	l.end("file")
}

func printChanges(w io.Writer, kind string, changes []image.Change) {
	for _, c := range changes {
		switch {
		case c.A == nil:
			fmt.Fprintf(w, "  %-10s  + %s %s\n", kind, termtext.Line(c.Name), termtext.Line(*c.B))
		case c.B == nil:
			fmt.Fprintf(w, "  %-10s  - %s %s\n", kind, termtext.Line(c.Name), termtext.Line(*c.A))
		default:
			fmt.Fprintf(w, "  %-10s  ~ %s %s -> %s\n", kind, termtext.Line(c.Name), termtext.Line(*c.A), termtext.Line(*c.B))
		}
	}
}

func printLayers(w io.Writer, ls []image.LayerChange, all bool) {
	n, recompressed, size := 0, 0, int64(0)
	l := lines{w: w, all: all}
	for _, layer := range ls {
		sign := map[string]string{"a": "-", "b": "+"}[layer.In]
		if sign == "" {
			n, size = n+1, size+layer.Size
			if layer.Recompressed {
				recompressed++
			}
			continue
		}
		l.print("  layer       %s %s  %s  %s", sign, layer.Digest, termtext.Size(layer.Size), termtext.Line(layer.From))
	}
	l.end("layer")
	fmt.Fprintf(w, "  layers      %d shared (%s) of %d", n, termtext.Size(size), len(ls))
	if recompressed > 0 {
		fmt.Fprintf(w, "; %d of them are the same tar, compressed anew", recompressed)
	}
	fmt.Fprintln(w)
}

// describe says in what a path differs.
func describe(f image.FileChange) string {
	var parts []string
	for _, what := range f.What {
		a, b := "", ""
		switch what {
		case "type":
			a, b = f.A.Type, f.B.Type
		case "size":
			a, b = fmt.Sprint(f.A.Size), fmt.Sprint(f.B.Size)
		case "mode":
			a, b = f.A.Mode, f.B.Mode
		case "owner":
			a, b = f.A.Owner, f.B.Owner
		case "link":
			a, b = f.A.Link, f.B.Link
		default:
			parts = append(parts, what)
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s -> %s", what, a, b))
	}
	return strings.Join(parts, ", ")
}

// shownLines is how many lines of a kind a person is shown.
const shownLines = 20

// lines prints so many and counts the rest.
type lines struct {
	w   io.Writer
	all bool
	n   int
}

func (l *lines) print(format string, args ...any) {
	if l.n++; l.all || l.n <= shownLines {
		fmt.Fprintf(l.w, format+"\n", args...)
	}
}

func (l *lines) end(what string) {
	if !l.all && l.n > shownLines {
		fmt.Fprintf(l.w, "              and %s; --all lists them\n", termtext.Count(l.n-shownLines, "more "+what))
	}
}
