package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/ci"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push"
)

// resultFlags are the flags of the commands that make an image, for where its digest goes.
func resultFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "digest-file", Usage: "`FILE` write the image's digest there"},
		&cli.StringFlag{Name: "metadata-file", Usage: "`FILE` write digests, sizes, tags and layers of all platforms there, as JSON"},
		&cli.StringFlag{Name: "image-refs", Usage: "`FILE` write what was pushed there, REF@DIGEST a line"},
		&cli.StringFlag{Name: "tekton-results", Usage: "`DIR` write the Tekton results IMAGE_URL, IMAGE_DIGEST and IMAGES there, such as into /tekton/results"},
	}
}

// results prints what came out and writes the files that CI reads. Printing comes first, so that a file that cannot be
// written does not hide what was pushed.
func results(ctx context.Context, run *session.Session, c *cli.Context, r push.Result) error {
	lines := r.Refs
	if len(lines) == 0 {
		lines = []string{r.Digest}
	}
	for _, l := range lines {
		fmt.Fprintln(run.ResultWriter(), l)
	}
	for _, tag := range r.Overtaken {
		run.Warn(fmt.Sprintf("%s names another image by now: another push came after this one", tag))
	}
	tell(run, c, r)
	m, err := ci.NewMetadata(r)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	for _, f := range []struct{ flag, content string }{
		{"digest-file", r.Digest + "\n"},
		{"metadata-file", string(termtext.JSON(raw)) + "\n"},
		{"image-refs", strings.Join(append(slices.Clone(r.Refs), ""), "\n")},
	} {
		if name := c.String(f.flag); name != "" {
			if err := run.WriteFile(ctx, name, []byte(f.content)); err != nil {
				return err
			}
		}
	}
	if dir := c.String("tekton-results"); dir != "" {
		files := ci.Tekton(r)
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if err := run.WriteFile(ctx, filepath.Join(dir, name), []byte(files[name])); err != nil {
				return err
			}
		}
	}
	return ci.GitHub(run.Getenv, r, m)
}

// tell says on a terminal what was made, and what it took to push it. A log has the lines of each transfer instead.
func tell(run *session.Session, c *cli.Context, r push.Result) {
	mode := c.String("progress")
	made := len(r.Refs) > 0 || len(c.StringSlice("output")) > 0
	if !run.Terminal || !made || mode != "" && mode != "auto" {
		return
	}
	for _, of := range r.Platforms {
		fmt.Fprintf(run.Stderr, "pyimg: %s: %s in %s\n", ci.PlatformName(of), termtext.Size(of.Size), termtext.Count(len(of.Layers), "layer"))
	}
	took := fmt.Sprintf("%.1f s", time.Since(run.Started).Seconds())
	switch {
	case len(r.Refs) == 0:
		fmt.Fprintf(run.Stderr, "pyimg: written in %s\n", took)
	case r.BlobsSent+r.BlobsMounted+r.BlobsPresent == 0:
		fmt.Fprintf(run.Stderr, "pyimg: pushed in %s: the registry had the image already\n", took)
	default:
		fmt.Fprintf(run.Stderr, "pyimg: pushed in %s: %s sent (%s), %d already there, %d mounted\n", took,
			termtext.Count(r.BlobsSent, "blob"), termtext.Size(r.BytesSent), r.BlobsPresent, r.BlobsMounted)
	}
}
