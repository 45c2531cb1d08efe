package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
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

// metadata is what --metadata-file holds. The fields with a dot are those of docker buildx, which tools know.
type metadata struct {
	BuildxDigest     string             `json:"containerimage.digest"`
	BuildxDescriptor v1.Descriptor      `json:"containerimage.descriptor"`
	BuildxName       string             `json:"image.name,omitempty"` // references, with commas between
	Digest           string             `json:"digest"`
	MediaType        string             `json:"media_type"`
	Size             int64              `json:"size"` // of the index or manifest, in bytes
	Refs             []string           `json:"refs"` // REF@DIGEST
	Tags             []string           `json:"tags"` // REF, without what was pushed by digest alone
	Platforms        []platformMetadata `json:"platforms"`
	Pushed           *pushMetadata      `json:"pushed,omitempty"` // left out where nothing was pushed
}

type platformMetadata struct {
	Platform     string          `json:"platform"`
	Digest       string          `json:"digest"`        // of the manifest
	ManifestSize int64           `json:"manifest_size"` // in bytes
	Size         int64           `json:"size"`          // of config and layers as they travel, in bytes
	Config       v1.Descriptor   `json:"config"`
	Layers       []v1.Descriptor `json:"layers"`
}

type pushMetadata struct {
	Sent      int   `json:"blobs_sent"`
	SentBytes int64 `json:"bytes_sent"`
	Mounted   int   `json:"blobs_mounted"`
	Present   int   `json:"blobs_present"`
	Requests  int64 `json:"requests"`
}

func newMetadata(r push.Result) (metadata, error) {
	digest, err := v1.NewHash(r.Digest)
	if err != nil {
		return metadata{}, err
	}
	m := metadata{
		BuildxDigest: r.Digest, Digest: r.Digest, MediaType: r.MediaType, Size: r.Size, Refs: r.Refs, Tags: tagsOf(r), Platforms: []platformMetadata{},
		BuildxDescriptor: v1.Descriptor{Digest: digest, Size: r.Size},
	}
	if m.Refs == nil {
		m.Refs = []string{}
	}
	m.BuildxDescriptor.MediaType = types.MediaType(r.MediaType)
	m.BuildxName = strings.Join(m.Tags, ",")
	for _, p := range r.Platforms {
		m.Platforms = append(m.Platforms, platformMetadata{platformName(p), p.Digest, p.ManifestSize, p.Size, p.Config, p.Layers})
	}
	if len(r.Refs) > 0 {
		m.Pushed = &pushMetadata{r.BlobsSent, r.BytesSent, r.BlobsMounted, r.BlobsPresent, r.Requests}
	}
	return m, nil
}

// tagsOf are the references that were pushed under a tag, as they were asked for.
func tagsOf(r push.Result) []string {
	tags := []string{}
	for _, ref := range r.Refs {
		name := strings.TrimSuffix(ref, "@"+r.Digest)
		if last := name[strings.LastIndexByte(name, '/')+1:]; strings.Contains(last, ":") {
			tags = append(tags, name)
		}
	}
	return tags
}

func platformName(p oci.Platform) string {
	if p.Platform == nil {
		return "unknown"
	}
	return p.Platform.String()
}

// results prints what came out and writes the files that CI reads. Printing comes first, so that a file that cannot be
// written does not hide what was pushed.
func (p program) results(c *cli.Context, r push.Result) error {
	lines := r.Refs
	if len(lines) == 0 {
		lines = []string{r.Digest}
	}
	for _, l := range lines {
		fmt.Fprintln(p.resultWriter(c), l)
	}
	for _, tag := range r.Overtaken {
		p.warn(fmt.Sprintf("%s names another image by now: another push came after this one", tag))
	}
	p.tell(c, r)
	m, err := newMetadata(r)
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
			if err := p.writeFile(c.Context, name, []byte(f.content)); err != nil {
				return err
			}
		}
	}
	if err := p.writeTekton(c.Context, c.String("tekton-results"), r); err != nil {
		return err
	}
	return p.writeGitHub(r, m)
}

// tell says on a terminal what was made, and what it took to push it. A log has the lines of each transfer instead.
func (p program) tell(c *cli.Context, r push.Result) {
	mode := c.String("progress")
	made := len(r.Refs) > 0 || len(c.StringSlice("output")) > 0
	if !p.terminal || !made || mode != "" && mode != "auto" {
		return
	}
	for _, of := range r.Platforms {
		fmt.Fprintf(p.stderr, "pyimg: %s: %s in %s\n", platformName(of), termtext.Size(of.Size), termtext.Count(len(of.Layers), "layer"))
	}
	took := fmt.Sprintf("%.1f s", time.Since(p.started).Seconds())
	switch {
	case len(r.Refs) == 0:
		fmt.Fprintf(p.stderr, "pyimg: written in %s\n", took)
	case r.BlobsSent+r.BlobsMounted+r.BlobsPresent == 0:
		fmt.Fprintf(p.stderr, "pyimg: pushed in %s: the registry had the image already\n", took)
	default:
		fmt.Fprintf(p.stderr, "pyimg: pushed in %s: %s sent (%s), %d already there, %d mounted\n", took,
			termtext.Count(r.BlobsSent, "blob"), termtext.Size(r.BytesSent), r.BlobsPresent, r.BlobsMounted)
	}
}

// maxTektonImages bounds the result IMAGES: all results of a task share 4 KiB.
const maxTektonImages = 2 << 10

// writeTekton writes results under the names that Tekton Chains looks for. A result is a file without a line's end.
func (p program) writeTekton(ctx context.Context, dir string, r push.Result) error {
	if dir == "" {
		return nil
	}
	files := map[string]string{"IMAGE_DIGEST": r.Digest}
	if len(r.Refs) > 0 {
		files["IMAGE_URL"] = strings.TrimSuffix(r.Refs[0], "@"+r.Digest)
		images := r.Refs
		for len(strings.Join(images, ",")) > maxTektonImages {
			images = images[:len(images)-1]
		}
		files["IMAGES"] = strings.Join(images, ",")
	}
	for _, name := range []string{"IMAGE_DIGEST", "IMAGE_URL", "IMAGES"} {
		if text, ok := files[name]; ok {
			if err := p.writeFile(ctx, filepath.Join(dir, name), []byte(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxGitHubMetadata bounds the output "metadata": all outputs of a job share 1 MiB.
const maxGitHubMetadata = 256 << 10

// writeGitHub adds outputs and a summary to the files that GitHub Actions names in the environment.
func (p program) writeGitHub(r push.Result, m metadata) error {
	if name := p.getenv("GITHUB_OUTPUT"); name != "" {
		compact, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if len(compact) > maxGitHubMetadata {
			compact = nil
		}
		first := ""
		if len(r.Refs) > 0 {
			first = r.Refs[0]
		}
		// A delimiter must stand nowhere in the text; the digest in it is in no reference by itself.
		end := "end-" + strings.TrimPrefix(r.Digest, "sha256:")
		text := fmt.Sprintf("digest=%s\nimage=%s\nimages<<%[3]s\n%[4]s\n%[3]s\nmetadata=%[5]s\n", r.Digest, first, end, strings.Join(r.Refs, "\n"), compact)
		if err := appendFile(name, text); err != nil {
			return err
		}
	}
	if name := p.getenv("GITHUB_STEP_SUMMARY"); name != "" {
		return appendFile(name, summary(r))
	}
	return nil
}

// code is a text of anybody as inline code in a cell of a table in GitHub's Markdown, where neither Markdown nor HTML has a
// meaning.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", "/").Replace(termtext.Line(s)) + "`"
}

// summary is a table in GitHub's Markdown.
func summary(r push.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### pyimg: %s\n\n", code(r.Digest))
	for _, ref := range r.Refs {
		fmt.Fprintf(&b, "- %s\n", code(ref))
	}
	b.WriteString("\n| platform | digest | layers | size |\n| --- | --- | ---: | ---: |\n")
	for _, p := range r.Platforms {
		fmt.Fprintf(&b, "| %s | %s | %d | %s |\n", code(platformName(p)), code(p.Digest), len(p.Layers), termtext.Size(p.Size))
	}
	if len(r.Refs) > 0 {
		fmt.Fprintf(&b, "\n%s sent (%s), %d mounted, %d present, %s\n", termtext.Count(r.BlobsSent, "blob"), termtext.Size(r.BytesSent), r.BlobsMounted, r.BlobsPresent, termtext.Count(r.Requests, "request"))
	}
	return b.String() + "\n"
}

// appendFile adds to a file that other steps write to, too.
func appendFile(name, text string) (err error) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return cmp.Or(err, f.Close())
}
