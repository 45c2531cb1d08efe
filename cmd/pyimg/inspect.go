package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push/oci"
)

func inspectCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "inspect",
		Usage:     "show platforms, layers, sizes, packages and environment of an image",
		ArgsUsage: "REF|LAYOUT",
		Description: "Any image will do. For one that pyimg made it says of each layer whether it is its source's own bytes, and if not, why.\n\n" +
			"Example: pyimg inspect image/:latest\n" +
			"         pyimg inspect --tree --depth 3 image/:latest\n" +
			"         pyimg inspect --tree --html image.html --against image:old image:new",
		Flags: append(append(treeFlags(), flags.Login()...), &cli.BoolFlag{Name: "json", Usage: "as JSON"}),
		Action: action(con, func(ctx context.Context, run *session.Session, c *cli.Context) error {
			if c.NArg() != 1 {
				return exit.Usagef("inspect takes one image reference or layout; see \"pyimg inspect --help\"")
			}
			if c.IsSet("depth") && !c.Bool("tree") {
				return exit.Usagef("--depth is for --tree")
			}
			if c.String("html") != "" && !c.Bool("tree") {
				return exit.Usagef("--html is for --tree: pyimg inspect --tree --html FILE IMAGE")
			}
			if c.String("against") != "" && c.String("html") == "" {
				return exit.Usagef("--against is for --html; \"pyimg diff\" compares two images on the terminal")
			}
			only, err := flags.Platforms(c)
			if err != nil {
				return err
			}
			if err := run.ReadLogin(); err != nil {
				return err
			}
			index, err := run.Open(ctx, c.Args().First())
			if err != nil {
				return err
			}
			if c.Bool("tree") {
				return tree(ctx, run, c, index)
			}
			store, err := run.Store()
			if err != nil {
				return err
			}
			report, err := image.Inspect(ctx, index, store, only)
			if err != nil {
				return err
			}
			root, err := oci.Root(index) // a single image is shown as an index of one, and keeps its own digest
			if err != nil {
				return err
			}
			report.Digest, report.MediaType = root.Digest.String(), string(root.MediaType)
			if c.Bool("json") {
				return run.JSON(report)
			}
			printReport(run.Stdout, report)
			run.WarnSkipped(report.Skipped)
			return nil
		}),
	})
}

func printReport(w io.Writer, r image.Report) {
	fmt.Fprintf(w, "digest      %s\nmedia type  %s\n", r.Digest, termtext.Line(r.MediaType))
	printTable(w, "annotation", r.Annotations)
	for _, p := range r.Platforms {
		fmt.Fprintf(w, "\n%s  %s  %s in %s\n", termtext.Line(p.Platform), p.Digest, termtext.Size(p.Size), termtext.Count(len(p.Layers), "layer"))
		for _, line := range []struct{ name, value string }{
			{"created", p.Created},
			{"entrypoint", quoted(p.Entrypoint)},
			{"cmd", quoted(p.Cmd)},
			{"user", p.User},
			{"workdir", p.Workdir},
			{"health", quoted(p.Healthcheck)},
		} {
			if line.value != "" {
				fmt.Fprintf(w, "  %-10s  %s\n", line.name, termtext.Line(line.value))
			}
		}
		if b := p.Python; b != nil {
			fmt.Fprintf(w, "  %-10s  %s, %s\n", "python", termtext.Line(b.Version), termtext.Line(b.Verdict))
		}
		for _, e := range p.Env {
			fmt.Fprintf(w, "  %-10s  %s\n", "env", termtext.Line(e))
		}
		printTable(w, "  label", p.Labels)
		for _, l := range p.Layers {
			fmt.Fprintf(w, "  layer       %s  %9s  %s", l.Digest, termtext.Size(l.Size), termtext.Line(l.From))
			if l.Comment != "" {
				fmt.Fprintf(w, " (%s)", termtext.Line(l.Comment))
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "  packages    %d: %s\n", len(p.Packages), termtext.Line(strings.Join(p.Packages, " ")))
		if len(p.Wheels) > 0 {
			fmt.Fprintf(w, "  wheels      %d: %s\n", len(p.Wheels), termtext.Line(strings.Join(p.Wheels, " ")))
		}
	}
}

func printTable(w io.Writer, name string, m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(w, "%-12s%s=%s\n", name, termtext.Line(k), termtext.Line(m[k]))
	}
}

func quoted(words []string) string {
	if len(words) == 0 {
		return ""
	}
	b, err := json.Marshal(words)
	if err != nil {
		return ""
	}
	return string(b)
}
