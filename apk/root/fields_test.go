package root_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// TestEveryFieldGoesEveryWay has a package with all that an index may say of it. Nothing is lost on the ways that packages go:
// an index's text, its compact form, apk's database, and the .PKGINFO that a build from a lock reads instead of an index.
func TestEveryFieldGoesEveryWay(t *testing.T) {
	t.Parallel()
	a := apktest.Build(t, fixture.Package{
		Name: "a", Version: "1-r0", Arch: "x86_64", Description: "text: with a colon", URL: "https://example.com", License: "MIT",
		Maintainer: "A <a@example.com>", Origin: "origin", Commit: strings.Repeat("c", 40), BuildTime: 1700000001,
		Depends: []string{"b>=1", "!c"}, Provides: []string{"so:libx.so.1=1.2", "cmd:x"}, InstallIf: []string{"d", "e=2"}, ProviderPriority: 7,
		Files: []fixture.File{{Path: "x", Body: []byte("1")}},
	})
	p := apktest.Listed(t, a)
	p.Repository = nil
	v := reflect.ValueOf(*p)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && f.Name != "Repository" && v.Field(i).IsZero() {
			t.Errorf("the package has no %s: let it have all fields, a new one too", f.Name)
		}
	}
	same := cmpopts.IgnoreUnexported(apk.Package{})
	lines := string(p.AppendDatabase(nil))

	var parsed []*apk.Package
	if err := apk.ParseIndex(strings.NewReader(lines), func(p *apk.Package) error { parsed = append(parsed, p); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*apk.Package{p}, parsed, same); diff != "" {
		t.Errorf("an index's text (-want +got):\n%s", diff)
	}
	compact := slices.Collect(apktest.IndexOf(t, nil, "x86_64", parsed).Packages())
	if diff := cmp.Diff([]*apk.Package{p}, compact, same); diff != "" {
		t.Errorf("the compact form (-want +got):\n%s", diff)
	}
	installed, err := root.ReadInstalled(strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]root.InstalledPackage{{Package: *p}}, installed, same); diff != "" {
		t.Errorf("apk's database (-want +got):\n%s", diff)
	}
	control, err := apk.ParseControl(a.Control)
	if err != nil {
		t.Fatal(err)
	}
	info := control.Info.Package
	info.Checksum, info.Size = p.Checksum, p.Size // what an index alone knows
	if diff := cmp.Diff(*p, info, same); diff != "" {
		t.Errorf(".PKGINFO (-want +got):\n%s", diff)
	}
}
