package plan_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/download"
	"github.com/pyimg/pyimg/wheels/plan"
	"github.com/pyimg/pyimg/wheels/repository"
)

// writeSdist writes an sdist whose build requires something.
func writeSdist(t testing.TB, dir, name, v string, requires ...string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	top := name + "-" + v + "/"
	quoted := make([]string, len(requires))
	for i, r := range requires {
		quoted[i] = fmt.Sprintf("%q", r)
	}
	for file, text := range map[string]string{
		"PKG-INFO":       "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + v + "\n",
		"pyproject.toml": "[build-system]\nrequires = [" + strings.Join(quoted, ", ") + "]\nbuild-backend = \"b\"\n",
	} {
		if err := w.WriteHeader(&tar.Header{Name: top + file, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, name+"-"+v+".tar.gz"), b.Bytes())
}

func writeWheel(t testing.TB, dir string, w wheeltest.Wheel) {
	t.Helper()
	write(t, filepath.Join(dir, w.Filename()), w.Bytes())
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// planner plans for two platforms, the second of which is cross-compiled, with sdists and wheels of two folders.
type planner struct {
	sdists, wheels string
	config         config.Config
	records        []repository.Record
	failures       map[string]repository.Failure
	root           string
	served         bool
	store          string // "": each plan has its own
}

func newPlanner(t testing.TB) *planner {
	t.Helper()
	p := &planner{sdists: t.TempDir(), wheels: t.TempDir(), root: "root"}
	p.config = config.Config{Prebuilt: config.Use, Packages: make(map[string]*config.Package)}
	return p
}

func (p *planner) planner(t testing.TB) *plan.Planner {
	t.Helper()
	at := p.store
	if at == "" {
		at = t.TempDir()
	}
	store, err := layers.OpenStore(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	d := download.New(input.Access{Store: store}, nil)
	sdists, err := plan.OpenFolder(t.Context(), p.sdists, d)
	if err != nil {
		t.Fatal(err)
	}
	wheels, err := plan.OpenFolder(t.Context(), p.wheels, d)
	if err != nil {
		t.Fatal(err)
	}
	var targets []plan.Target
	for _, machine := range []string{"x86_64", "aarch64"} {
		made, err := target.New("linux/"+machine, target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: machine})
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, plan.Target{Platform: "linux/" + machine, Target: made, Native: 0, Wanted: true, Python: "cp313"})
	}
	return plan.NewPlanner(plan.Options{Config: p.config, Targets: targets, Download: d, Records: p.records, Failures: p.failures,
		Sources: []plan.Source{{Lister: sdists, Name: "sdists"}, {Lister: wheels, Name: "wheels", Served: p.served}},
		Root: func(_ context.Context, _ int, extra []apk.Dependency) (string, error) {
			return fmt.Sprint(p.root, extra), nil
		},
	})
}

func (p *planner) make(t testing.TB) plan.Plan {
	t.Helper()
	made, err := p.planner(t).Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// want makes packages wanted.
func (p *planner) want(packages ...string) *planner {
	p.config.Wanted.Packages = packages
	return p
}

// find is the item of a project for a target.
func find(t testing.TB, p plan.Plan, project string, target int) *plan.Item {
	t.Helper()
	at := slices.IndexFunc(p.Items, func(i *plan.Item) bool { return i.Project == project && i.Target == target })
	if at < 0 {
		t.Fatalf("no item %s for target %d", project, target)
	}
	return p.Items[at]
}

func TestRequirementsComeFirstAndAreBuiltNatively(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("app")
	writeSdist(t, p.sdists, "app", "1.0", "tool>=1", "helper; sys_platform == 'linux'", "never; os_name == 'nt'")
	writeSdist(t, p.sdists, "tool", "1.0")
	writeSdist(t, p.sdists, "tool", "1.2")
	writeSdist(t, p.sdists, "tool", "2.0rc1")
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "helper", Metadata: "Requires-Dist: leaf>=2\nRequires-Dist: more; extra == 'x'\n"})
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "leaf", Version: "2.1"})
	made := p.make(t)
	var names []string
	for _, i := range made.Items {
		names = append(names, fmt.Sprint(i.Name(), " ", i.Target, " ", i.State, " ", i.Wanted))
	}
	if want := []string{"tool 1.2 0 missing false", "app 1.0 0 missing true", "app 1.0 1 missing true"}; !slices.Equal(names, want) {
		t.Errorf("the plan is %q, want %q", names, want)
	}
	var requires []string
	for _, q := range find(t, made, "app", 1).Requires {
		requires = append(requires, fmt.Sprint(q.Project, " ", q.Version, " ", q.Wheel != nil))
	}
	if want := []string{"helper 1.0 true", "leaf 2.1 true", "tool 1.2 false"}; !slices.Equal(requires, want) {
		t.Errorf("app is built with %q, want %q", requires, want)
	}
}

func TestALateRequirementIsHeededByAnEarlierChoice(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("app")
	writeSdist(t, p.sdists, "app", "1.0", "lib", "other")
	for _, v := range []string{"1.0", "2.0", "3.0"} {
		writeWheel(t, p.wheels, wheeltest.Wheel{Name: "lib", Version: v})
	}
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "other", Metadata: "Requires-Dist: lib<3,>1\n"})
	for _, q := range find(t, p.make(t), "app", 0).Requires {
		if q.Project == "lib" && q.Version.String() != "2.0" {
			t.Errorf("lib is %s, want 2.0", q.Version)
		}
	}
}

// TestVersionsThatFitEachOtherAreSought gives the versions that an sdist is built with, or why there are none.
func TestVersionsThatFitEachOtherAreSought(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		requires []string
		wheels   []string // "NAME VERSION: REQUIREMENT; ..."
		want     string   // "NAME VERSION" each
		err      string
	}{
		"an older version asks for less":       {[]string{"a", "b"}, []string{"a 1", "a 2: lib<2", "b 1: lib>=2", "lib 1", "lib 2"}, "a 1 b 1 lib 2", ""},
		"what is asked for late":               {[]string{"lib", "a"}, []string{"a 1: lib<2", "lib 1", "lib 2"}, "a 1 lib 1", ""},
		"a version that needs what nobody has": {[]string{"a"}, []string{"a 1", "a 2: gone"}, "a 1", ""},
		"two steps back":                       {[]string{"a", "b"}, []string{"a 1", "a 2: c", "b 1: lib<2", "c 1: d", "d 1: lib>1", "lib 1", "lib 2"}, "a 1 b 1 lib 1", ""},
		"what a dropped version asked for":     {[]string{"a", "b"}, []string{"a 1", "a 2: lib<2; more", "b 1: lib>=2", "lib 1", "lib 2", "more 1"}, "a 1 b 1 lib 2", ""},
		"an extra":                             {[]string{"a[x]", "b"}, []string{"a 1", "a 2: lib<2 ; extra == 'x'", "b 1: lib>=2", "lib 1", "lib 2"}, "a 1 b 1 lib 2", ""},
		"an extra that is asked for late":      {[]string{"a", "b"}, []string{"a 1: lib<2 ; extra == 'x'", "b 1: a[x]", "lib 1", "lib 2"}, "a 1 b 1 lib 1", ""},
		"an extra of an older version":         {[]string{"a", "b"}, []string{"a 1", "a 2: lib<2 ; extra == 'x'", "b 1: a", "b 2: a[x]", "lib 2"}, "a 2 b 1", ""},
		"extra in a name":                      {[]string{"a"}, []string{"a 1: extra_lib", "extra_lib 1"}, "a 1 extra-lib 1", ""},
		"a circle of wheels":                   {[]string{"a"}, []string{"a 1: b", "b 1: a"}, "a 1 b 1", ""},
		"nothing fits":                         {[]string{"a", "b"}, []string{"a 1: lib<2", "b 1: lib>=2", "lib 1", "lib 2"}, "", "lib<2,>=2: no source has it for Python 3.13.5 on linux/x86_64: wheels has 2, 1 (asked for by a, b)"},
		"the build asks for something else":    {[]string{"lib>=2", "a"}, []string{"a 1: lib<2", "lib 1", "lib 2"}, "", "lib>=2,<2: no source has it for Python 3.13.5 on linux/x86_64: wheels has 2, 1 (asked for by a)"},
		"lib is asked for first":               {[]string{"lib==2", "b"}, []string{"a 1: lib<2", "b 1: a", "lib 1", "lib 2"}, "", "lib==2,<2: no version fits all that ask for it (asked for by a)"},
	} {
		p := newPlanner(t).want("app")
		writeSdist(t, p.sdists, "app", "1", c.requires...)
		for _, w := range c.wheels {
			what, requires, _ := strings.Cut(w, ": ")
			project, v, _ := strings.Cut(what, " ")
			made := wheeltest.Wheel{Name: project, Version: v}
			for _, q := range strings.Split(strings.ReplaceAll(requires, " ; ", " @ "), "; ") {
				if q != "" {
					made.Metadata += "Requires-Dist: " + strings.ReplaceAll(q, " @ ", " ; ") + "\n"
				}
			}
			writeWheel(t, p.wheels, made)
		}
		app := find(t, p.make(t), "app", 0)
		var got []string
		for _, q := range app.Requires {
			got = append(got, q.Project+" "+q.Version.String())
		}
		if s := strings.Join(got, " "); s != c.want || app.Reason != c.err {
			t.Errorf("%s: it is built with %q, reason %q, want %q, %q", name, s, app.Reason, c.want, c.err)
		}
	}
}

// TestTheSearchForVersionsEnds has 40 versions each of 12 projects, none of which fit: each asks for another version of the next.
func TestTheSearchForVersionsEnds(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("app")
	var requires []string
	for n := range 12 {
		project := fmt.Sprintf("p%d", n)
		requires = append(requires, project)
		for v := range 40 {
			writeWheel(t, p.wheels, wheeltest.Wheel{Name: project, Version: fmt.Sprint(v), Metadata: fmt.Sprintf("Requires-Dist: p%d==%d\n", (n+1)%12, (v+1)%40)})
		}
	}
	writeSdist(t, p.sdists, "app", "1", requires...)
	if i := find(t, p.make(t), "app", 0); i.State != plan.Impossible || !strings.Contains(i.Reason, "among 500 versions: p0==1") {
		t.Errorf("app is %s: %s", i.State, i.Reason)
	}
}

// TestWhatIsGivenUpIsNotBuilt has a version whose requirement only an sdist has, and that does not fit in the end.
func TestWhatIsGivenUpIsNotBuilt(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("app")
	writeSdist(t, p.sdists, "app", "1", "a", "b")
	writeSdist(t, p.sdists, "tool", "1")
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "a", Version: "2", Metadata: "Requires-Dist: tool\nRequires-Dist: z<2\n"})
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "a", Version: "1"})
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "b", Version: "1", Metadata: "Requires-Dist: z>=2\n"})
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "z", Version: "1"})
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "z", Version: "2"})
	for _, i := range p.make(t).Items {
		if i.Project != "app" {
			t.Errorf("%s is %s", i.Name(), i.State)
		}
	}
}

func TestWhatCannotBeBuiltSaysWhy(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("gone", "a", "nothere", "skipped", "old>5")
	p.config.Packages["skipped"] = &config.Package{Skip: "no musl"}
	writeSdist(t, p.sdists, "gone", "1.0", "no-such-package")
	writeSdist(t, p.sdists, "a", "1.0", "b")
	writeSdist(t, p.sdists, "b", "1.0", "a")
	writeSdist(t, p.sdists, "old", "1.0")
	made := p.make(t)
	for project, want := range map[string]string{"gone": "no-such-package", "a": "a -> b -> a", "nothere": "nothere: no source has it", "old": "old>5: no source has it for Python 3.13.5 on linux/x86_64: sdists has 1.0"} {
		if i := find(t, made, project, 0); i.State != plan.Impossible || !strings.Contains(i.Reason, want) {
			t.Errorf("%s is %s: %s, want %q", project, i.State, i.Reason, want)
		}
	}
	if i := find(t, made, "skipped", 1); i.State != plan.Skipped || i.Reason != "no musl" {
		t.Errorf("skipped is %s: %s", i.State, i.Reason)
	}
}

func TestAWheelOfAnotherIndexServes(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("foo", "bar")
	p.served = true
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "foo", Tag: "cp313-cp313-musllinux_1_2_x86_64"})
	writeSdist(t, p.wheels, "foo", "1.0")
	made := p.make(t)
	if a, b := find(t, made, "foo", 0), find(t, made, "foo", 1); a.State != plan.Served || b.State != plan.Missing {
		t.Errorf("foo is %s and %s", a.State, b.State)
	}
	p.config.Prebuilt = config.Build
	if a := find(t, p.make(t), "foo", 0); a.State != plan.Missing {
		t.Errorf("with prebuilt: build, foo is %s", a.State)
	}
}

func TestKeyChangesWithAllThatTheWheelDependsOn(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("foo", "bystander")
	writeSdist(t, p.sdists, "foo", "1.0", "tool")
	writeSdist(t, p.sdists, "bystander", "1.0")
	writeSdist(t, p.sdists, "tool", "1.0")
	first := p.make(t)
	key, other := find(t, first, "foo", 1).Key, find(t, first, "bystander", 1).Key
	if key == find(t, first, "foo", 0).Key {
		t.Error("two platforms have one key")
	}
	for name, change := range map[string]func(p *planner){
		"root":     func(p *planner) { p.root = "another" },
		"env":      func(p *planner) { p.config.Packages["foo"] = &config.Package{Env: map[string]string{"A": "b"}} },
		"settings": func(p *planner) { p.config.Packages["foo"] = &config.Package{Settings: map[string]string{"A": "b"}} },
		"packages": func(p *planner) {
			p.config.Packages["foo"] = &config.Package{Packages: []apk.Dependency{{Name: "zlib-dev"}}}
		},
		"sdist":       func(p *planner) { writeSdist(t, p.sdists, "foo", "1.0", "tool>0") },
		"requirement": func(p *planner) { writeSdist(t, p.sdists, "tool", "1.0", "bystander") },
		"builder":     func(p *planner) { p.config.Builder.Env = map[string]string{"CC": "x"} },
	} {
		q := newPlanner(t).want("foo", "bystander")
		if err := os.CopyFS(q.sdists, os.DirFS(p.sdists)); err == nil {
			for _, v := range []string{"foo", "tool"} {
				_ = os.Chmod(filepath.Join(q.sdists, v+"-1.0.tar.gz"), 0o600)
			}
		}
		change(q)
		made := q.make(t)
		if find(t, made, "foo", 1).Key == key {
			t.Errorf("the key does not depend on the %s", name)
		}
		if same := find(t, made, "bystander", 1).Key == other; same == (name == "root" || name == "builder") {
			t.Errorf("%s: the key of a package that has nothing to do with it: same is %v", name, same)
		}
	}
}

func TestStateFollowsTheIndex(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("foo")
	writeSdist(t, p.sdists, "foo", "1.0")
	key := find(t, p.make(t), "foo", 0).Key
	rec := repository.Record{File: "foo-1.0-cp313-cp313-musllinux_1_2_x86_64.whl", Sdist: repository.Locked{Name: "foo", Version: "1.0"}, Keys: []string{key}}
	p.records = []repository.Record{rec}
	if i := find(t, p.make(t), "foo", 0); i.State != plan.Current || i.Wheel != rec.File {
		t.Errorf("with its wheel it is %s", i.State)
	}
	rec.Keys = []string{"another"}
	p.records = []repository.Record{rec}
	if a, b := find(t, p.make(t), "foo", 0), find(t, p.make(t), "foo", 1); a.State != plan.Outdated || b.State != plan.Missing {
		t.Errorf("with a wheel of another key it is %s, and %s for another platform", a.State, b.State)
	}
	p.failures = map[string]repository.Failure{key: {Reason: "broken"}}
	if i := find(t, p.make(t), "foo", 0); i.State != plan.Failed || i.Reason != "broken" {
		t.Errorf("after a failure it is %s", i.State)
	}
}

func TestWhatABackendAskedForCounts(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("foo")
	writeSdist(t, p.sdists, "foo", "1.0")
	writeWheel(t, p.wheels, wheeltest.Wheel{Name: "late"})
	planner := p.planner(t)
	made, err := planner.Make(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := find(t, made, "foo", 0)
	again, err := planner.Again(t.Context(), i, []string{"late"})
	if err != nil {
		t.Fatal(err)
	}
	if again.Key == i.Key || len(again.Requires) != 1 {
		t.Errorf("with what its backend asks for it has the key %s and %d requirements", again.Key, len(again.Requires))
	}
	p.records = []repository.Record{{File: "foo-1.0-py3-none-any.whl", Sdist: repository.Locked{Name: "foo", SHA256: i.Sdist.SHA256}, Keys: []string{again.Key}, Dynamic: []string{"late"}}}
	if now := find(t, p.make(t), "foo", 0); now.State != plan.Current {
		t.Errorf("a later plan does not know what the backend asked for: %s", now.State)
	}
}

func TestShardsDealOutAllProjects(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		writeSdist(t, p.sdists, name, "1.0", "tool")
		p.config.Wanted.Packages = append(p.config.Wanted.Packages, name)
	}
	writeSdist(t, p.sdists, "tool", "1.0")
	made := p.make(t)
	wanted := make(map[string]int)
	for n := 1; n <= 3; n++ {
		s, err := plan.ParseShard(fmt.Sprint(n, "/3"))
		if err != nil {
			t.Fatal(err)
		}
		part := s.Of(made)
		if part.Items[0].Project != "tool" {
			t.Errorf("shard %s begins with %s, want what it needs", s, part.Items[0].Project)
		}
		for _, i := range part.Items {
			if i.Wanted {
				wanted[fmt.Sprint(i.Project, i.Target)]++
			}
		}
	}
	if len(wanted) != 10 {
		t.Errorf("the shards have %v", wanted)
	}
	if len(made.Work(3)) != 3 || len(made.Work(50)) != 5 {
		t.Errorf("work: %v and %v", made.Work(3), made.Work(50))
	}
	for _, bad := range []string{"", "1", "0/2", "3/2", "a/b", "1/99999999"} {
		if _, err := plan.ParseShard(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestHashesOfRequirementsHold(t *testing.T) {
	t.Parallel()
	p := newPlanner(t)
	writeSdist(t, p.sdists, "foo", "1.0")
	reqs := filepath.Join(t.TempDir(), "r.txt")
	write(t, reqs, []byte("foo==1.0 --hash=sha256:"+strings.Repeat("0", 64)+"\n"))
	p.config.Wanted.Requirements = []string{reqs}
	if i := find(t, p.make(t), "foo", 0); i.State != plan.Impossible || !strings.Contains(i.Reason, "none of those that are asked for") {
		t.Errorf("foo is %s: %s", i.State, i.Reason)
	}
}

func TestFirstSourceThatHasAProjectIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	p := newPlanner(t).want("foo>=2")
	writeSdist(t, p.sdists, "foo", "1.0")
	writeSdist(t, p.wheels, "foo", "2.0")
	if i := find(t, p.make(t), "foo", 0); i.State != plan.Impossible {
		t.Errorf("a later source counts: %s %s", i.Name(), i.State)
	}
}

// BenchmarkPlan plans 1,000 packages for two platforms, of which one in two needs the one before it. What an earlier run read of them
// is in the store, as it is every night.
func BenchmarkPlan(b *testing.B) {
	p := newPlanner(b)
	for n := range 1000 {
		name, requires := fmt.Sprintf("made-%03d", n), []string{"helper"}
		if n%2 == 1 {
			requires = append(requires, fmt.Sprintf("made-%03d", n-1))
		}
		writeSdist(b, p.sdists, name, "1.0", requires...)
		p.config.Wanted.Packages = append(p.config.Wanted.Packages, name)
	}
	writeWheel(b, p.wheels, wheeltest.Wheel{Name: "helper"})
	p.store = b.TempDir()
	p.make(b)
	for b.Loop() {
		if made := p.make(b); len(made.Items) != 2000 {
			b.Fatalf("%d items, want 2000", len(made.Items))
		}
	}
}
