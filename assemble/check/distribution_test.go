package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/internal/fixture"
)

// installed are the files of a distribution.
func installed(site, name, version, metadata string, more ...fixture.File) []fixture.File {
	return append(more, text(fmt.Sprintf("%s%s-%s.dist-info/METADATA", site, name, version), "Metadata-Version: 2.1\nName: "+name+"\nVersion: "+version+"\n"+metadata))
}

func TestDistributions(t *testing.T) {
	t.Parallel()
	const site = "usr/local/lib/python3.13/site-packages/"
	const points = "[console_scripts]\nshop = shop.cli:main\n"
	bin := script("usr/local/bin/shop", "#!/usr/bin/python3\n")
	for name, test := range map[string]struct {
		files []fixture.File
		want  []string
	}{
		"met":            {slices.Concat(installed(site, "Shop", "1.0", "Requires-Dist: cart>=2\n"), installed(site, "cart", "2.1", "")), nil},
		"missing":        {installed(site, "shop", "1.0", "Requires-Dist: cart>=2\n"), []string{"python-dependency: shop 1.0 requires cart>=2, which is not there"}},
		"older":          {slices.Concat(installed(site, "shop", "1.0", "Requires-Dist: cart>=2\n"), installed(site, "cart", "1.0", "")), []string{"python-dependency: shop 1.0 requires cart>=2, but 1.0 is there"}},
		"another folder": {slices.Concat(installed(site, "shop", "1.0", "Requires-Dist: cart\n"), installed("usr/lib/python3/dist-packages/", "cart", "1", "")), nil},
		"markers":        {installed(site, "shop", "1.0", "Requires-Dist: a; sys_platform == 'win32'\nRequires-Dist: b; python_version < '3.13'\nRequires-Dist: c; platform_machine == 'aarch64'\nRequires-Dist: d; extra == 'x'\n"), nil},
		"extra": {slices.Concat(installed(site, "shop", "1.0", "Requires-Dist: cart[x]\n"), installed(site, "cart", "1", "Requires-Dist: d; extra == 'x'\n")),
			[]string{"python-dependency: cart 1 requires d; extra == 'x', which is not there"}},
		"not read":     {installed(site, "shop", "1.0", "Requires-Dist: ((\n"), nil},
		"no name":      {[]fixture.File{text(site+"x-1.dist-info/METADATA", "hello\n")}, nil},
		"script":       {installed(site, "shop", "1.0", "", text(site+"shop/cli.py", ""), text(site+"shop-1.0.dist-info/entry_points.txt", points), bin), nil},
		"no module":    {installed(site, "shop", "1.0", "", text(site+"shop/__init__.py", ""), text(site+"shop-1.0.dist-info/entry_points.txt", points), bin), []string{"python-script: /usr/local/bin/shop cannot start: it imports shop.cli"}},
		"no script":    {installed(site, "shop", "1.0", "", text(site+"shop-1.0.dist-info/entry_points.txt", points)), nil},
		"other groups": {installed(site, "shop", "1.0", "", text(site+"shop-1.0.dist-info/entry_points.txt", "[shop.plugins]\nshop = nowhere:x\n"), bin), nil},
	} {
		files := append([]fixture.File{text("usr/local/lib/python3.13/os.py", "")}, test.files...)
		var got []string
		for _, f := range (image{layers: [][]fixture.File{python(13), files}}).check(t) {
			if f.Check == "python-dependency" || f.Check == "python-script" {
				if f.Severity != check.Warning {
					t.Errorf("%s: %s is %s", name, f.Check, f.Severity)
				}
				got = append(got, f.Check+": "+f.Msg)
			}
		}
		if len(got) != len(test.want) || len(got) > 0 && !strings.HasPrefix(got[0], test.want[0]) {
			t.Errorf("%s: found %q, want %q", name, got, test.want)
		}
	}
}

func TestManyDistributions(t *testing.T) {
	t.Parallel()
	var files []fixture.File
	for i := range 3000 {
		files = append(files, installed(fmt.Sprintf("opt/v%d/lib/python3.13/site-packages/", i), fmt.Sprintf("shop%d", i), "1.0", "Requires-Dist: nothing\n")...)
	}
	n := 0
	for _, f := range (image{layers: [][]fixture.File{python(13), files}}).check(t) {
		if f.Check == "python-dependency" {
			n++
		}
	}
	if n == 0 || n > 100 {
		t.Errorf("found %d, want some and not all", n)
	}
}
