package newer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/newer"
)

func change(kind, name, locked, now string) lock.Change {
	return lock.Change{Kind: kind, Name: name, Locked: locked, Now: now, Rebuilt: locked == now, Platforms: []spec.Platform{{OS: "linux", Architecture: "amd64"}}}
}

func TestLines(t *testing.T) {
	t.Parallel()
	r := newer.Report{Changes: []lock.Change{
		change(lock.KindPackage, "a", "1", "2"), change(lock.KindPackage, "b", "", "2"), change(lock.KindPackage, "c", "1", ""),
		change(lock.KindWheel, "flask", "1.0", "1.0"), change(lock.KindRuntime, "image:x\x1b", "sha256:1", "sha256:2"),
	}}
	want := []string{"linux/amd64: a 1 -> 2", "linux/amd64: + b 2", "linux/amd64: - c 1", "linux/amd64: wheel flask 1.0 was rebuilt",
		`linux/amd64: runtime image:x\x1b sha256:1 -> sha256:2`}
	if got := r.Lines(); !slices.Equal(got, want) {
		t.Errorf("Lines = %q, want %q", got, want)
	}
}

// TestMarkdown: a change of several images is one row, and nobody's text has a meaning.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	var reports []newer.Report
	for i := range 7 {
		reports = append(reports, newer.Report{Spec: fmt.Sprint("app", i, ".yaml"), Lock: fmt.Sprint("app", i, ".lock"), Behind: true,
			Changes: []lock.Change{change(lock.KindPackage, "a|`<b>`", "1", "2")}})
	}
	reports = append(reports, newer.Report{Spec: "bad.yaml", Error: "no lock\nsecond line"}, newer.Report{Spec: "fine.yaml"})
	got := newer.Markdown(reports)
	row := "| package `a/'<b>'` | `1` | `2` | `app0.yaml`, `app1.yaml`, `app2.yaml`, `app3.yaml`, `app4.yaml`, 2 more |\n"
	if strings.Count(got, "| package ") != 1 || !strings.Contains(got, row) || !strings.Contains(got, "`bad.yaml` was not checked: `no lock`\n") {
		t.Errorf("Markdown is\n%s\nwant in it\n%s", got, row)
	}
	if got := newer.Markdown([]newer.Report{{Spec: "fine.yaml"}}); got != "### No lock is behind\n" {
		t.Errorf("Markdown is %q where no lock is behind", got)
	}
}

// TestMarkdownIsBounded: a forge refuses a text that is too long.
func TestMarkdownIsBounded(t *testing.T) {
	t.Parallel()
	r := newer.Report{Spec: "app.yaml", Behind: true}
	for i := range 3000 {
		r.Changes = append(r.Changes, change(lock.KindPackage, fmt.Sprintf("package-%04d", i), "1", "2"))
	}
	got := newer.Markdown([]newer.Report{r})
	if len(got) > 65_000 || !strings.Contains(got, " more\n") {
		t.Errorf("the Markdown has %d bytes, want less than 65,000 and how many rows are missing", len(got))
	}
}
