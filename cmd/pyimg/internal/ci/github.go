package ci

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push"
)

// maxGitHubMetadata bounds the output "metadata": all outputs of a job share 1 MiB.
const maxGitHubMetadata = 256 << 10

// GitHub adds outputs and a summary to the files that GitHub Actions names in the environment.
func GitHub(getenv func(string) string, r push.Result, m Metadata) error {
	if name := getenv("GITHUB_OUTPUT"); name != "" {
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
	if name := getenv("GITHUB_STEP_SUMMARY"); name != "" {
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
		fmt.Fprintf(&b, "| %s | %s | %d | %s |\n", code(PlatformName(p)), code(p.Digest), len(p.Layers), termtext.Size(p.Size))
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

// Summary adds a table to the summary of a job of GitHub Actions; elsewhere it does nothing.
func Summary(getenv func(string) string, title string, header []string, rows [][]string) error {
	name := getenv("GITHUB_STEP_SUMMARY")
	if name == "" {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n| %s |\n|%s\n", title, strings.Join(header, " | "), strings.Repeat(" --- |", len(header)))
	for _, row := range rows {
		for _, cell := range row {
			if cell = strings.TrimSpace(cell); cell != "" {
				cell = code(cell)
			}
			fmt.Fprintf(&b, "| %s ", cell)
		}
		b.WriteString("|\n")
	}
	b.WriteByte('\n')
	return appendFile(name, b.String())
}

// Markdown adds text to the summary of a job of GitHub Actions, under a title; elsewhere it does nothing. The caller escapes what is
// anybody's.
func Markdown(getenv func(string) string, title string, text []byte) error {
	name := getenv("GITHUB_STEP_SUMMARY")
	if name == "" {
		return nil
	}
	return appendFile(name, fmt.Sprintf("### %s\n\n%s\n", title, text))
}
