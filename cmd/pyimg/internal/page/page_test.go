package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/page"
)

// sample is an image in which every text is the given one.
func sample(text string) page.Image {
	return page.Image{
		Name: text, Against: text,
		Report: image.Report{Digest: "sha256:0123456789abcdef", MediaType: text, Annotations: map[string]string{text: text, "b": "c"}, Platforms: []image.PlatformReport{{
			Platform: text, Digest: "sha256:aa", Size: 3 << 20, Created: text, Entrypoint: []string{text}, Cmd: []string{text}, User: text, Workdir: text, Env: []string{"A=" + text}, Labels: map[string]string{text: text},
			Layers: []image.LayerReport{{Digest: "sha256:ff", Size: 1 << 20, From: "pyimg: apk " + text, Comment: text}, {Digest: text, Size: 2 << 20, From: text}},
			Python: &python.Build{Version: text, Verdict: text},
		}}},
		Weights: []image.Weight{{Platform: text, Unpacked: 9 << 20, Hidden: 1 << 20, Files: 3, Folders: []image.FolderWeight{{Path: "/" + text, Size: 5, Files: 1}},
			Packages: []image.PackageWeight{{Package: text + "-1-r0", Size: 4, Files: 2, RequiredBy: []string{text}}, {Package: text + "==1"}, {}}}},
		Held: []image.Held{{Platform: text, Layers: []image.HeldLayer{{Digest: "sha256:ff", Files: 9, Size: 7, Largest: []image.HeldFile{{Path: text, Size: 7}}}, {}}}},
		Changes: []image.Difference{{Platform: text, Config: []image.Change{{Name: text, A: &text}}, Packages: []image.Change{{Name: text, B: &text}}, Wheels: []image.Change{{Name: text, A: &text, B: &text}},
			Files: []image.FileChange{{Path: text, A: &image.FileState{Size: 1}}}}, {Platform: text, Only: "a"}, {Platform: text, Only: "b"}, {Platform: text, Same: true}},
	}
}

func write(t *testing.T, i page.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := page.Write(&b, i); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHostileNames puts what could leave its place into every text.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	for _, hostile := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onload='alert(1)`, `</style><script>alert(1)</script>`, `</title><b>`, `javascript:alert(1)`, "a\x1b[31m\u202eb\n<b>", `{{.Name}}`, `&lt;b&gt;`,
	} {
		text := write(t, sample(hostile))
		values := regexp.MustCompile(`"[^"]*"`)
		for _, tag := range regexp.MustCompile(`<[a-zA-Z/!][^>]*>`).FindAllString(text, -1) {
			if tag = values.ReplaceAllString(tag, ""); strings.HasPrefix(tag, "<img") || regexp.MustCompile(`(?i)\bon[a-z]+=|alert|javascript`).MatchString(tag) {
				t.Errorf("%q: the page has the tag %s", hostile, tag)
			}
		}
		if n := strings.Count(text, "<script"); n != 1 {
			t.Errorf("%q: %d scripts, want 1", hostile, n)
		}
		if n := strings.Count(text, "<style"); n != 1 {
			t.Errorf("%q: %d styles, want 1", hostile, n)
		}
		if strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%q: a control character is on the page", hostile)
		}
	}
}

// TestPolicy computes the digests that the page's policy must have.
func TestPolicy(t *testing.T) {
	t.Parallel()
	text := write(t, sample("a"))
	for _, tag := range []string{"style", "script"} {
		_, in, _ := strings.Cut(text, "<"+tag+">")
		in, _, _ = strings.Cut(in, "</"+tag+">")
		sum := sha256.Sum256([]byte(in))
		if want := fmt.Sprintf("%s-src 'sha256-%s'", tag, base64.StdEncoding.EncodeToString(sum[:])); len(in) < 100 || !strings.Contains(text, want) {
			t.Errorf("the policy has no %q", want)
		}
	}
	if !strings.Contains(text, `content="default-src 'none'; `) || regexp.MustCompile(`(src|href)="[^#]`).MatchString(text) || strings.Contains(text, " style=") {
		t.Error("the page refers to something else, or has styles that its policy forbids")
	}
}

func TestSameBytes(t *testing.T) {
	t.Parallel()
	if a, b := write(t, sample("a")), write(t, sample("a")); a != b {
		t.Error("the same image gave two pages")
	}
}

// TestLongListsAreCut shows an image with more than a browser can take.
func TestLongListsAreCut(t *testing.T) {
	t.Parallel()
	i := sample("a")
	for n := range 5000 {
		i.Weights[0].Packages = append(i.Weights[0].Packages, image.PackageWeight{Package: fmt.Sprintf("p%d-1-r0", n)})
		i.Weights[0].Folders = append(i.Weights[0].Folders, image.FolderWeight{Path: fmt.Sprintf("/f%d", n), Files: 1})
		i.Changes[0].Files = append(i.Changes[0].Files, image.FileChange{Path: fmt.Sprintf("/f%d", n), B: &image.FileState{}})
	}
	text := write(t, i)
	for _, want := range []string{"and 3003 more<", "and 4601 more<", "and 4504 more; ", "and 8 smaller files"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if len(text) > 2<<20 {
		t.Errorf("the page has %d bytes", len(text))
	}
}

// The page of an image without contents.
func Example() {
	var b bytes.Buffer
	if err := page.Write(&b, page.Image{Name: "app:1", Report: image.Report{Digest: "sha256:00"}}); err != nil {
		panic(err)
	}
	fmt.Println(strings.Contains(b.String(), "<h1>app:1</h1>"))
	// Output: true
}
