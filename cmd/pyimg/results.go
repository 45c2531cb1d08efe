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
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
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
func results(ctx context.Context, run *session.Session, set flags.Set, image many.Image, r push.Result) error {
	m, err := ci.NewMetadata(r)
	if err != nil {
		return err
	}
	if set.Bool("json") {
		err = printJSON(run, jsonResult{Spec: image.Spec, Name: image.Name, Metadata: &m})
	} else {
		err = printLines(run, r, "")
	}
	if err != nil {
		return err
	}
	warnOfPush(run, r)
	tell(run, set, r)
	if err := writeResults(ctx, run, set, r, m, resultFiles()); err != nil {
		return err
	}
	return ci.GitHub(run.Getenv, r, m)
}

// printLines prints the references with their digest, else the digest, a line each.
func printLines(run *session.Session, r push.Result, ending string) error {
	lines := r.Refs
	if len(lines) == 0 {
		lines = []string{r.Digest}
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(run.ResultWriter(), l+ending); err != nil {
			return err
		}
	}
	return nil
}

// jsonResult is what --json prints of one image.
type jsonResult struct {
	Spec string `json:"spec"`
	Name string `json:"name"`
	*ci.Metadata
	Error string    `json:"error,omitempty"` // why there is none
	Code  exit.Code `json:"exit_code"`
}

// printJSON prints the result of one image as one line.
func printJSON(run *session.Session, r jsonResult) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = run.ResultWriter().Write(append(termtext.JSON(raw), '\n'))
	return err
}

func warnOfPush(run *session.Session, r push.Result) {
	for _, tag := range r.Overtaken {
		run.Warn(fmt.Sprintf("%s names another image by now: another push came after this one", tag))
	}
	for _, why := range r.Unattached {
		run.Warn(fmt.Sprintf("the registry takes no bill of materials or provenance (--no-attach leaves them out): %s", why))
	}
}

// resultFiles are the flags that name files for the result of one image.
func resultFiles() []string {
	return []string{"digest-file", "metadata-file", "image-refs", "tekton-results"}
}

// writeResults writes the files that some of these flags name.
func writeResults(ctx context.Context, run *session.Session, set flags.Set, r push.Result, m ci.Metadata, wanted []string) error {
	for _, flag := range wanted {
		name := set.String(flag)
		if name == "" {
			continue
		}
		files := map[string]string{name: ""}
		switch flag {
		case "digest-file":
			files[name] = r.Digest + "\n"
		case "image-refs":
			files[name] = strings.Join(append(slices.Clone(r.Refs), ""), "\n")
		case "metadata-file":
			text, err := indented(m)
			if err != nil {
				return err
			}
			files[name] = text
		case "tekton-results":
			files = inFolder(name, ci.Tekton(r))
		}
		if err := writeFiles(ctx, run, files); err != nil {
			return err
		}
	}
	return nil
}

// indented is JSON for a file.
func indented(v any) (string, error) {
	raw, err := json.MarshalIndent(v, "", "  ")
	return string(termtext.JSON(raw)) + "\n", err
}

// inFolder puts a folder before the names of files.
func inFolder(dir string, files map[string]string) map[string]string {
	out := make(map[string]string, len(files))
	for name, text := range files {
		out[filepath.Join(dir, name)] = text
	}
	return out
}

// writeFiles writes files by their names.
func writeFiles(ctx context.Context, run *session.Session, files map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := run.WriteFile(ctx, name, []byte(files[name])); err != nil {
			return err
		}
	}
	return nil
}

// tell says on a terminal what was made, and what it took to push it. A log has the lines of each transfer instead.
func tell(run *session.Session, set flags.Set, r push.Result) {
	mode := set.String("progress")
	made := len(r.Refs) > 0 || len(set.StringSlice("output")) > 0
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
		fmt.Fprintf(run.Stderr, "pyimg: pushed in %s: %s\n", took, sent(r))
	}
}

// sent says what became of the blobs.
func sent(r push.Result) string {
	return fmt.Sprintf("%s sent (%s), %d already there, %d mounted", termtext.Count(r.BlobsSent, "blob"), termtext.Size(r.BytesSent), r.BlobsPresent, r.BlobsMounted)
}
