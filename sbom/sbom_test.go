package sbom_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/sbom"
)

func document() sbom.Document {
	return sbom.Document{
		Name: "app", Platform: "linux/arm64", Created: time.Unix(1_700_000_000, 0), Notes: []string{"a note"},
		Components: []sbom.Component{
			{PURL: "pkg:pypi/idna@3.10", Name: "idna", Version: "3.10", License: "BSD-3-Clause", SHA256: strings.Repeat("ab", 32)},
			{ID: "os:alpine", Kind: sbom.System, Name: "alpine", Version: "3.20.3", Supplier: "Alpine Linux", Contains: []string{"pkg:apk/alpine/musl@1", "gone"}},
			{PURL: "pkg:apk/alpine/musl@1", Name: "musl", Version: "1", License: "MIT", Source: "origin musl"},
			{Kind: sbom.Application, PURL: "pkg:generic/python@3.13.5", Name: "python", Version: "3.13.5", CPE: "cpe:2.3:a:python:python:3.13.5:*:*:*:*:*:*:*",
				Requires: []string{"pkg:apk/alpine/musl@1"}, Contains: []string{"x#sqlite"}, License: "my own, really"},
			{ID: "x#sqlite", PURL: "pkg:generic/sqlite@3", Name: "sqlite", License: "my own, really", Details: map[string]string{"b": "2", "a": "1"}},
			{ID: "files", Kind: sbom.Files, Name: "files"},
		},
	}
}

// TestSameBytes holds the order of components against the bytes: it must not matter.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	for _, e := range sbom.Encodings() {
		one := must(e.Encode(document()))
		d := document()
		slices.Reverse(d.Components)
		d.Components = append(d.Components, d.Components[0])
		d.Created = d.Created.In(time.FixedZone("far", 3600))
		if other := must(e.Encode(d)); !bytes.Equal(one, other) {
			t.Errorf("%s: the same components in another order give other bytes:\n%s\n%s", e.Name, one, other)
		}
		d.Components[0].Version = "changed"
		if bytes.Equal(one, must(e.Encode(d))) {
			t.Errorf("%s: another version gives the same bytes", e.Name)
		}
	}
}

// cdx and spdx are what tests read of a document.
type cdx struct {
	SerialNumber string
	Components   []struct {
		Type, Name, CPE string
		Ref             string `json:"bom-ref"`
		Licenses        []struct {
			Expression string
			License    struct{ Name string }
		}
	}
	Dependencies []struct {
		Ref       string
		DependsOn []string
	}
}

func TestCycloneDX(t *testing.T) {
	t.Parallel()
	var d cdx
	decode(t, must(sbom.CycloneDX(document())), &d)
	var got []string
	for _, c := range d.Components {
		got = append(got, c.Type+" "+c.Name)
	}
	want := []string{"file files", "operating-system alpine", "library musl", "application python", "library idna", "library sqlite"}
	if !slices.Equal(got, want) {
		t.Errorf("components %q, want %q", got, want)
	}
	edges := map[string][]string{}
	for _, e := range d.Dependencies {
		edges[e.Ref] = e.DependsOn
	}
	for ref, want := range map[string][]string{
		"image":                     {"files", "os:alpine", "pkg:generic/python@3.13.5", "pkg:pypi/idna@3.10"},
		"os:alpine":                 {"pkg:apk/alpine/musl@1"},
		"pkg:generic/python@3.13.5": {"pkg:apk/alpine/musl@1", "x#sqlite"},
	} {
		if !slices.Equal(edges[ref], want) {
			t.Errorf("%s depends on %q, want %q", ref, edges[ref], want)
		}
	}
	if l := d.Components[3].Licenses; len(l) != 1 || l[0].Expression != "" || l[0].License.Name != "my own, really" {
		t.Errorf("a licence that SPDX does not list became %+v", l)
	}
}

func TestSPDX(t *testing.T) {
	t.Parallel()
	var d struct {
		Packages []struct {
			SPDXID, Name, LicenseDeclared, PrimaryPackagePurpose string
		}
		Relationships []struct{ SpdxElementId, RelationshipType, RelatedSpdxElement string }
		Licenses      []struct{ LicenseId, ExtractedText string } `json:"hasExtractedLicensingInfos"`
	}
	decode(t, must(sbom.SPDX(document())), &d)
	ids := map[string]string{"SPDXRef-DOCUMENT": "document"}
	purposes := []string{"OTHER", "INSTALL", "ARCHIVE", "FIRMWARE", "APPLICATION", "FRAMEWORK", "LIBRARY", "CONTAINER", "SOURCE", "DEVICE", "OPERATING_SYSTEM", "FILE"} // in SPDX 2.3's JSON schema
	for _, p := range d.Packages {
		ids[p.SPDXID] = p.Name
		if !slices.Contains(purposes, p.PrimaryPackagePurpose) {
			t.Errorf("%s: the schema has no purpose %q", p.Name, p.PrimaryPackagePurpose)
		}
		if isSystem := strings.HasPrefix(p.SPDXID, "SPDXRef-OperatingSystem"); isSystem != (p.Name == "alpine") {
			t.Errorf("%s has the identifier %q, and trivy tells the operating system by its", p.Name, p.SPDXID)
		}
		if p.Name == "python" && !strings.HasPrefix(p.LicenseDeclared, "LicenseRef-") || p.Name == "musl" && p.LicenseDeclared != "MIT" {
			t.Errorf("%s: licence %q", p.Name, p.LicenseDeclared)
		}
	}
	if len(d.Licenses) != 1 || d.Licenses[0].ExtractedText != "my own, really" {
		t.Errorf("licences of its own: %+v, want one", d.Licenses)
	}
	var got []string
	for _, r := range d.Relationships {
		got = append(got, ids[r.SpdxElementId]+" "+r.RelationshipType+" "+ids[r.RelatedSpdxElement])
	}
	for _, want := range []string{"document DESCRIBES app", "app CONTAINS alpine", "alpine CONTAINS musl", "python DEPENDS_ON musl", "python CONTAINS sqlite"} {
		if !slices.Contains(got, want) {
			t.Errorf("no relationship %q in %q", want, got)
		}
	}
}

func TestControlCharactersAreEscaped(t *testing.T) {
	t.Parallel()
	d := document()
	d.Components[0].Name = "idna\x1b[31m\u202e\u009b"
	for _, e := range sbom.Encodings() {
		if b := must(e.Encode(d)); bytes.ContainsAny(b, "\x1b\u202e\u009b") {
			t.Errorf("%s: a control character is written as it is", e.Name)
		}
	}
}

// TestLongLicense: a licence that is long is a text, however it looks, since reading it as an expression takes longer than its length.
func TestLongLicense(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{10: `"expression"`, 10_000: `"name": "MIT AND `} {
		d := sbom.Document{Components: []sbom.Component{{Name: "a", License: strings.Repeat("MIT AND ", n) + "MIT"}}}
		if text := string(must(sbom.CycloneDX(d))); !strings.Contains(text, want) {
			t.Errorf("a licence with %d operators: the document has no %s", n, want)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, e := range sbom.Encodings() {
		got, err := sbom.Read(must(e.Encode(document())))
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		var names []string
		for _, c := range got {
			names = append(names, c.Name)
			if c.Name == "python" && (c.PURL != "pkg:generic/python@3.13.5" || c.CPE == "") {
				t.Errorf("%s: read %+v", e.Name, c)
			}
		}
		slices.Sort(names)
		if want := []string{"alpine", "files", "idna", "musl", "python", "sqlite"}; !slices.Equal(names, want) {
			t.Errorf("%s: read %q, want %q", e.Name, names, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":   {"x", "not JSON"},
		"another":   {`{"a":1}`, "neither"},
		"large":     {strings.Repeat(" ", sbom.MaxRead+1), "more than"},
		"too many":  {`{"bomFormat":"CycloneDX","components":[` + strings.Repeat(`{"name":"a"},`, 3000) + `{}]}`, "3001 components"},
		"very deep": {`{"bomFormat":"CycloneDX","components":` + strings.Repeat(`[{"components":`, 20000), "not JSON"},
	} {
		if got, err := sbom.Read([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Read = %d components, %v, want an error with %q", name, len(got), err, c.want)
		}
	}
	got, err := sbom.Read([]byte(`{"bomFormat":"CycloneDX","components":[{"name":"` + strings.Repeat("é", 5000) + `","purl":"javascript:x","cpe":"x"}]}`))
	if err != nil || len(got) != 1 || len(got[0].Name) > 1024 || got[0].PURL != "" || got[0].CPE != "" {
		t.Errorf("Read = %+v, %v, want a short name and no PURL or CPE", got, err)
	}
}

func TestPURL(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]sbom.PURL{
		"pkg:apk/alpine/libstdc%2B%2B@13.2.1_git20240309-r0?arch=x86_64&distro=alpine-3.20.3": {Type: "apk", Namespace: "alpine", Name: "libstdc++", Version: "13.2.1_git20240309-r0",
			Qualifiers: map[string]string{"distro": "alpine-3.20.3", "arch": "x86_64", "upstream": ""}},
		"pkg:pypi/torch@2.0%2Bcpu":     {Type: "pypi", Name: "torch", Version: "2.0+cpu"},
		"pkg:pypi/x@1%211.0~a":         {Type: "pypi", Name: "x", Version: "1!1.0~a"},
		"pkg:generic/a%2Fb":            {Type: "generic", Name: "a/b"},
		"pkg:golang/github.com/a/b@v1": {Type: "golang", Namespace: "github.com/a", Name: "b", Version: "v1"},
	} {
		if got := p.String(); got != want {
			t.Errorf("%+v: %q, want %q", p, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, e := range sbom.Encodings() {
		f.Add(must(e.Encode(document())))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := sbom.Read(data)
		if err != nil {
			return
		}
		for _, e := range sbom.Encodings() {
			if _, err := e.Encode(sbom.Document{Components: got}); err != nil {
				t.Errorf("%s: what was read cannot be written: %v", e.Name, err)
			}
		}
	})
}

func Example() {
	data, err := sbom.CycloneDX(sbom.Document{Name: "app", Components: []sbom.Component{{Name: "idna", Version: "3.10", PURL: "pkg:pypi/idna@3.10"}}})
	if err != nil {
		panic(err)
	}
	components, err := sbom.Read(data)
	fmt.Println(components[0].PURL, err)
	// Output: pkg:pypi/idna@3.10 <nil>
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func decode(t *testing.T, data []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
}

func TestOfImage(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]bool{
		"usr/local/share/pyimg/sbom.cdx.json": true, "usr/local/share/pyimg/sbom.spdx.json": true,
		"usr/local/share/pyimg/cpython.json": false, "usr/local/share/sbom/cpython-3.13.5.cdx.json": false, "opt/usr/local/share/pyimg/sbom.cdx.json": false, "sbom.cdx.json": false,
	} {
		if got := sbom.OfImage(file); got != want {
			t.Errorf("OfImage(%q) = %v, want %v", file, got, want)
		}
	}
}
