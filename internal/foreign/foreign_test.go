// Package foreign_test holds what pyimg writes against the schemas and parsers of others. It is a module of its own, so that none of
// them is among pyimg's dependencies.
package foreign_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/pyimg/pyimg/sbom"
)

// documents are bills of materials of each kind of component, and of none.
func documents() map[string]sbom.Document {
	return map[string]sbom.Document{
		"empty": {Name: "image", Created: time.Unix(0, 0)},
		"all": {Name: "app", Platform: "linux/arm64", Created: time.Unix(1_700_000_000, 0), Notes: []string{"a note\nof two lines"}, Components: []sbom.Component{
			{ID: "os:alpine", Kind: sbom.System, Name: "alpine", Version: "3.20.3", Supplier: "Alpine Linux", Contains: []string{"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64"}},
			{PURL: "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64", Name: "musl", Version: "1.2.5-r0", License: "MIT", Source: "origin musl at commit abc",
				Details: map[string]string{"pyimg:apk:checksum": "Q1=", "b": "\x1b[31m"}},
			{Kind: sbom.Application, PURL: "pkg:generic/python@3.13.5", Name: "python", Version: "3.13.5", CPE: "cpe:2.3:a:python:python:3.13.5:*:*:*:*:*:*:*",
				License: "PSF-2.0", SHA256: strings.Repeat("ab", 32), Requires: []string{"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64"}, Contains: []string{"python#sqlite"}},
			{ID: "python#sqlite", Name: "sqlite", License: "blessing"},
			{PURL: "pkg:pypi/idna@3.10", Name: "idna", Version: "3.10", License: "BSD-3-Clause AND (MIT OR Apache-2.0 WITH LLVM-exception)"},
			{PURL: "pkg:pypi/odd@1%2Blocal", Name: "odd <&> \u202e", Version: "1+local", License: "GPL, or whatever you like"},
			{ID: "files", Kind: sbom.Files, Name: "files", SHA256: strings.Repeat("cd", 32)},
		}},
	}
}

// files are documents that a run has written for this test, by the folder in $PYIMG_SBOMS.
func files(t *testing.T, ending string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(os.Getenv("PYIMG_SBOMS"), "*"+ending))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("PYIMG_SBOMS") != "" && len(names) == 0 {
		t.Errorf("no *%s in %s", ending, os.Getenv("PYIMG_SBOMS"))
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = data
	}
	return found
}

func TestCycloneDX(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(strings.TrimSpace(string(out)), "schema")
	c := jsonschema.NewCompiler()
	for name, file := range map[string]string{"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		data, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, schema); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	all := files(t, ".cdx.json")
	for name, d := range documents() {
		if all[name], err = sbom.CycloneDX(d); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range all {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var bom cyclonedx.BOM
		if err := cyclonedx.NewBOMDecoder(bytes.NewReader(data), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := bytes.Replace(all["all"], []byte(`"operating-system"`), []byte(`"system"`), 1)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(broken))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(value) == nil {
		t.Error("the schema accepts a component of no known type, so this test proves nothing")
	}
}

func TestSPDX(t *testing.T) {
	t.Parallel()
	all := files(t, ".spdx.json")
	for name, d := range documents() {
		data, err := sbom.SPDX(d)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = data
	}
	for name, data := range all {
		doc, err := spdxjson.Read(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := spdxlib.ValidateDocument(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		described, err := spdxlib.GetDescribedPackageIDs(doc)
		if err != nil || len(described) != 1 || described[0] != "image" {
			t.Errorf("%s: it describes %q, %v, want the image", name, described, err)
		}
	}
	var d *spdx.Document
	d, err := spdxjson.Read(bytes.NewReader(all["all"]))
	if err != nil || len(d.Packages) != 8 {
		t.Errorf("%d packages, %v, want the image and 7 components", len(d.Packages), err)
	}
}
