package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/sbom"
)

func sbomCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "sbom",
		Usage:     "write the bill of materials of an image: packages, Python, wheels, and what is linked into them",
		ArgsUsage: "REF|LAYOUT|ARCHIVE|LOCK|SPEC",
		Description: "Of a LOCK (FILE.lock), or of a SPEC (FILE.yaml) with one, it is written from the lock alone: the same lock gives the same\n" +
			"bytes. A SPEC without a lock is assembled first. Of any other image it is what the image's files show, and says so.\n\n" +
			"The document of one platform is printed; with --output all of them are written into a folder, in both forms or in those\n" +
			"that --form names, such as sbom-linux-amd64.cdx.json.\n\n" +
			"Example: pyimg sbom pyimg.lock --platform linux/amd64\n" +
			"         pyimg sbom docker.io/library/python:3.13-alpine --platform linux/amd64 --form spdx\n" +
			"         pyimg sbom app.yaml --output sboms",
		Flags: append(append(flags.Source(), flags.Login()...),
			&cli.StringSliceFlag{Name: "form", Usage: "`FORM` cyclonedx (1.6) or spdx (2.3)", DefaultText: "cyclonedx; with --output both"},
			&cli.StringFlag{Name: "output", Usage: "`DIR` write a file for each platform and form into this folder"}),
		Action: action(con, writeSBOM),
	})
}

func writeSBOM(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() != 1 {
		return exit.Usagef("sbom takes one image reference, layout, archive, lock or spec; see \"pyimg sbom --help\"")
	}
	forms, err := forms(c)
	if err != nil {
		return err
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	documents, err := documents(ctx, run, c, c.Args().First())
	if err != nil {
		return err
	}
	if dir := c.String("output"); dir != "" {
		return writeDocuments(run.Stdout, dir, documents, forms)
	}
	if len(documents) != 1 {
		var have []string
		for _, d := range documents {
			have = append(have, d.Platform)
		}
		return exit.Usagef("%s has %s: choose one with --platform, or write all with --output DIR", c.Args().First(), strings.Join(have, ", "))
	}
	data, err := forms[0].Encode(documents[0])
	if err != nil {
		return err
	}
	_, err = run.Stdout.Write(data)
	return err
}

// forms are the forms that the command line asks for.
func forms(c *cli.Context) ([]sbom.Encoding, error) {
	names := c.StringSlice("form")
	if len(names) == 0 && c.String("output") != "" {
		return sbom.Encodings(), nil
	}
	if len(names) == 0 {
		return sbom.Encodings()[:1], nil
	}
	if len(names) > 1 && c.String("output") == "" {
		return nil, exit.Usagef("several --form need --output DIR: only one document can be printed")
	}
	var all []sbom.Encoding
	for _, name := range names {
		e, ok := sbom.Named(name)
		if !ok {
			return nil, exit.Usagef("--form: expected cyclonedx or spdx, found %q", name)
		}
		all = append(all, e)
	}
	return all, nil
}

func writeDocuments(stdout io.Writer, dir string, documents []sbom.Document, forms []sbom.Encoding) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	times := make(map[string]int)
	for _, d := range documents {
		platform := strings.ReplaceAll(d.Platform, "/", "-")
		if times[platform]++; times[platform] > 1 { // an index may have several images for a platform
			platform = fmt.Sprintf("%s-%d", platform, times[platform])
		}
		for _, e := range forms {
			data, err := e.Encode(d)
			if err != nil {
				return err
			}
			name := filepath.Join(dir, "sbom-"+platform+strings.TrimPrefix(e.File, "sbom"))
			if err := atomicfile.Replace(name, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
				return fmt.Errorf("writing %q: %w", name, err)
			}
			fmt.Fprintln(stdout, name)
		}
	}
	return nil
}
