package solve_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
)

// TestAddAsRealApk holds Add against what real apk planned on roots that had packages already.
func TestAddAsRealApk(t *testing.T) {
	t.Parallel()
	folder := apktest.Shared(t, "conformance/installed")
	files, _ := filepath.Glob(filepath.Join(folder, "installed-*.tsv"))
	for _, file := range files {
		branch, arch, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file)[len("installed-"):], ".tsv"), "-")
		where := branch + "/main/" + arch + "/APKINDEX.tar.gz"
		now := readIndexFile(t, apktest.Shared(t, "conformance/"+where), arch)
		older := make(map[string]*apk.Package)
		for p := range readIndexFile(t, filepath.Join(folder, "older", where), arch).Packages() {
			older[p.Name] = p
		}
		t.Run(branch+"/"+arch, func(t *testing.T) {
			t.Parallel()
			n, bad := 0, 0
			for line := range apktest.CaseLines(t, file) {
				if n++; n%apktest.CaseStep != 0 {
					continue
				}
				c := strings.Split(line, "\t")
				root := solve.Root{World: apktest.World(t, c[0])}
				root.World = slices.DeleteFunc(root.World, func(d apk.Dependency) bool { return slices.Contains(strings.Fields(c[1]), d.String()) })
				for _, word := range strings.Fields(c[2]) {
					name, _, _ := strings.Cut(word, "=")
					root.Packages = append(root.Packages, solve.Installed{Package: older[name]})
				}
				slices.SortStableFunc(root.Packages, func(a, b solve.Installed) int {
					return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
				})
				if got := planText(solve.Add(root, apktest.World(t, c[3]), []*apk.Index{now}, solve.Options{})); got != c[4] {
					bad++
					t.Errorf("case %d: Add(%q)\n = %s\nwant %s", n, c[3], got, c[4])
				}
			}
			t.Logf("%d of %d differ", bad, n)
		})
	}
	if len(files) == 0 && os.Getenv("CI") != "" {
		t.Fatal("no cases")
	}
}

func planText(a solve.Addition, err error) string {
	switch {
	case errors.Is(err, solve.ErrNoSolution):
		return "ERROR"
	case err != nil:
		return err.Error()
	case len(a.Changes) == 0:
		return "NOTHING"
	}
	var lines []string
	for _, c := range a.Changes {
		switch {
		case c.Old == nil:
			lines = append(lines, fmt.Sprintf("Installing %s (%s)", c.New.Name, c.New.Version))
		case c.New == nil:
			lines = append(lines, fmt.Sprintf("Purging %s (%s)", c.Old.Name, c.Old.Version))
		default:
			word := map[int]string{-1: "Upgrading", 0: "Replacing", 1: "Downgrading"}[apk.Dialect3.CompareVersions(c.Old.Version, c.New.Version)]
			lines = append(lines, fmt.Sprintf("%s %s (%s -> %s)", word, c.New.Name, c.Old.Version, c.New.Version))
		}
	}
	return strings.Join(lines, "; ")
}

// TestAdd is TestAddAsRealApk for small roots; the indexes are here.
func TestAdd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ world, installed, offered, asked, want string }{
		"an installed version is kept":     {"a", "a=1", "a=2\nb=1 | D:a", "b", "Installing b (1)"},
		"what is asked for by name, too":   {"a", "a=1", "a=2", "a", "NOTHING"},
		"a dependency upgrades":            {"a", "a=1", "a=2\nb=1 | D:a>1", "b", "Upgrading a (1 -> 2); Installing b (1)"},
		"a dependency downgrades":          {"a", "a=3", "a=2\nb=1 | D:a<3", "b", "Downgrading a (3 -> 2); Installing b (1)"},
		"another build of one version":     {"a", "a=1 | D:x=1\nx=1", "a=1\nx=2\nb=1 | D:x>1", "b", "Replacing a (1 -> 1); Upgrading x (1 -> 2); Installing b (1)"},
		"no longer listed, and still used": {"a", "a=1", "b=1 | D:a", "b", "Installing b (1)"},
		"what nothing needs goes":          {"a", "a=1\nb=1 | D:c\nc=1", "n=1", "n", "Purging b (1); Purging c (1); Installing n (1)"},
		"a conflict removes":               {"a b", "a=1\nb=1", "n=1 | D:!b", "n !b", "Purging b (1); Installing n (1)"},
		"install_if looks at what is there": {"docs a", "a=1\ndocs=1", "a-doc=1 | i:docs a=1\nn=1", "n",
			"Installing a-doc (1); Installing n (1)"},
		"pinned in the world": {"a=1", "a=1", "a=2\nb=1 | D:a>1", "b", "ERROR"},
		"nothing provides it": {"a", "a=1", "a=1", "none", "ERROR"},
	} {
		root := solve.Root{World: apktest.World(t, c.world)}
		for p := range apktest.Offers(t, "", c.installed).Packages() {
			root.Packages = append(root.Packages, solve.Installed{Package: p})
		}
		if got := planText(solve.Add(root, apktest.World(t, c.asked), []*apk.Index{apktest.Offers(t, "", c.offered)}, solve.Options{})); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A package that stays with the tag of a repository that nobody has any more may stay.
func TestAddKeepsWhatATagBrought(t *testing.T) {
	t.Parallel()
	root := solve.Root{World: apktest.World(t, "a@gone")}
	for p := range apktest.Offers(t, "", "a=1").Packages() {
		root.Packages = append(root.Packages, solve.Installed{Package: p, Tag: "gone"})
	}
	got, err := solve.Add(root, apktest.World(t, "b"), []*apk.Index{apktest.Offers(t, "", "a=2\nb=1")}, solve.Options{})
	if text := planText(got, err); text != "Installing b (1)" {
		t.Errorf("%s, want b alone", text)
	}
	if got := fmt.Sprint(got.World); got != "[a@gone b]" {
		t.Errorf("world %s, want [a@gone b]", got)
	}
}
