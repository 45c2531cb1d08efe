package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/page"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push/oci"
)

// treeFlags are those of inspect --tree.
func treeFlags() []cli.Flag {
	return append(flags.Content(),
		&cli.BoolFlag{Name: "tree", Usage: "show what makes the image big instead: sizes by folder and by package"},
		&cli.IntFlag{Name: "depth", Value: 2, Usage: "`N` with --tree, show folders down to this level"},
		&cli.StringFlag{Name: "html", Usage: "`FILE` with --tree, write a page that shows all of it, and needs no network; - is stdout"},
		&cli.StringFlag{Name: "against", Usage: "`IMAGE` with --html, show what changed since this image"})
}

func tree(ctx context.Context, run *session.Session, c *cli.Context, index v1.ImageIndex) error {
	if c.Int("depth") < 0 {
		return exit.Usagef("--depth %d: expected a number from 0 on", c.Int("depth"))
	}
	if c.String("html") != "" && c.Bool("json") {
		return exit.Usagef("--html and --json exclude each other")
	}
	only, err := flags.Platforms(c)
	if err != nil {
		return err
	}
	store, err := run.Store()
	if err != nil {
		return err
	}
	weights, skipped, err := image.Weigh(ctx, index, store, only, c.Int("depth"))
	if err != nil {
		return err
	}
	run.WarnSkipped(skipped)
	if c.String("html") != "" {
		return writePage(ctx, run, c, index, weights, only)
	}
	if c.Bool("json") {
		return run.JSON(weights)
	}
	for i, w := range weights {
		if i > 0 {
			fmt.Fprintln(run.Stdout)
		}
		printWeight(run.Stdout, w)
	}
	return nil
}

// pageFiles is how many files of a layer a page names. All of a large image would be too much for a browser on a phone.
const pageFiles = 100

// writePage writes the page of --html.
func writePage(ctx context.Context, run *session.Session, c *cli.Context, index v1.ImageIndex, weights []image.Weight, only []spec.Platform) error {
	store, err := run.Store()
	if err != nil {
		return err
	}
	p := page.Image{Name: c.Args().First(), Weights: weights, Against: c.String("against")}
	if p.Report, err = image.Inspect(ctx, index, store, only); err != nil {
		return err
	}
	if p.Held, _, err = image.Hold(ctx, index, store, only, pageFiles); err != nil {
		return err
	}
	root, err := oci.Root(index)
	if err != nil {
		return err
	}
	p.Report.Digest, p.Report.MediaType = root.Digest.String(), string(root.MediaType)
	if p.Against != "" {
		before, err := run.Open(ctx, p.Against)
		if err != nil {
			return err
		}
		if p.Changes, _, err = image.Diff(ctx, before, index, store, only); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	if err := page.Write(&text, p); err != nil {
		return err
	}
	return run.WriteFile(ctx, c.String("html"), text.Bytes())
}

// lightest is which part of the whole a folder or package must be to be shown to a person.
const lightest = 200

func printWeight(w io.Writer, of image.Weight) {
	fmt.Fprintf(w, "%s  %s  %s in %s, %s compressed", termtext.Line(of.Platform), of.Digest, termtext.Size(of.Unpacked), termtext.Count(of.Files, "file"), termtext.Size(of.Size))
	if of.Hidden > 0 {
		fmt.Fprintf(w, "; %s more are replaced or deleted by later layers", termtext.Size(of.Hidden))
	}
	fmt.Fprintln(w)
	children := map[string][]image.FolderWeight{}
	for _, f := range of.Folders {
		if f.Path != "/" {
			children[path.Dir(f.Path)] = append(children[path.Dir(f.Path)], f)
		}
	}
	printFolders(w, children, "/", of.Unpacked/lightest, 1)
	fmt.Fprintln(w, "  packages")
	small, rest := 0, int64(0)
	for _, p := range of.Packages {
		if p.Size < of.Unpacked/lightest {
			small, rest = small+1, rest+p.Size
			continue
		}
		fmt.Fprintf(w, "  %10s  %s (%s)", termtext.Size(p.Size), termtext.Line(cmp.Or(p.Package, "of no package")), termtext.Count(p.Files, "file"))
		if p.Layer != "" {
			fmt.Fprintf(w, "  in %s", p.Layer)
		}
		if len(p.RequiredBy) > 0 {
			fmt.Fprintf(w, ", required by %s", termtext.Line(strings.Join(p.RequiredBy, ", ")))
		}
		fmt.Fprintln(w)
	}
	if small > 0 {
		fmt.Fprintf(w, "  %10s  %s\n", termtext.Size(rest), termtext.Count(small, "smaller one"))
	}
}

// printFolders shows what is in dir, the heaviest first.
func printFolders(w io.Writer, children map[string][]image.FolderWeight, dir string, least int64, depth int) {
	in := slices.Clone(children[dir])
	slices.SortStableFunc(in, func(a, b image.FolderWeight) int { return cmp.Compare(b.Size, a.Size) })
	for _, f := range in {
		if f.Size < least || f.Files == 0 {
			continue
		}
		fmt.Fprintf(w, "  %10s  %s%s\n", termtext.Size(f.Size), strings.Repeat("  ", depth-1), termtext.Line(f.Path))
		printFolders(w, children, f.Path, least, depth+1)
	}
}
