package sbom_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/pyimg/pyimg/sbom"
)

func TestWhy(t *testing.T) {
	t.Parallel()
	d := sbom.Document{Asked: map[string]string{"app": "asked"}, Components: []sbom.Component{
		{ID: "os", Kind: sbom.System, Name: "alpine", Contains: []string{"app", "lib"}},
		{ID: "app", Name: "app", Requires: []string{"lib", "absent"}},
		{ID: "lib", Name: "lib", Requires: []string{"app"}}, // parts may need each other
		{ID: "python", Name: "python", Contains: []string{"python#sqlite"}, Requires: []string{"lib"}},
		{ID: "python#sqlite", Name: "sqlite", Version: "3.46"},
		{PURL: "pkg:pypi/ruamel-yaml@0.18", Name: "ruamel-yaml", Version: "0.18"},
		{ID: "other", Name: "other"},
	}}
	for name, want := range map[string][]string{
		"lib": {"lib"}, "sqlite@3.46": {"python#sqlite"}, "Ruamel._yaml": {"pkg:pypi/ruamel-yaml@0.18"}, "pkg:pypi/ruamel-yaml@0.18": {"pkg:pypi/ruamel-yaml@0.18"}, "LIB": nil,
	} {
		if got, _ := d.Why(name); !slices.Equal(got, want) {
			t.Errorf("Why(%q) finds %q, want %q", name, got, want)
		}
	}
	_, reasons := d.Why("sqlite")
	if got := reasons["python#sqlite"]; !reflect.DeepEqual(got.Inside, []string{"python"}) || got.NeededBy != nil || len(reasons) != 2 {
		t.Errorf("sqlite is explained by %+v", reasons)
	}
	_, reasons = d.Why("lib")
	if got := reasons["lib"]; !reflect.DeepEqual(got.NeededBy, []string{"app", "python"}) || got.Inside != nil || reasons["app"].Asked != "asked" || len(reasons) != 3 {
		t.Errorf("lib is explained by %+v", reasons)
	}
	if got := d.Names(); !slices.Equal(got, []string{"alpine", "app", "lib", "other", "python", "ruamel-yaml", "sqlite"}) {
		t.Errorf("Names = %q", got)
	}
}
