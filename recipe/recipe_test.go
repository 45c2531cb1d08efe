package recipe_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pyimg/pyimg/recipe"
)

const small = `
format: 1
name: tiny
version: 1.2.3
sources:
  - {name: tiny, version: 1.2.3, file: tiny-1.2.3.tar.gz, url: "https://example.com/tiny-1.2.3.tar.gz", folder: tiny,
     sha256: 0000000000000000000000000000000000000000000000000000000000000000, patches: [patches/a.patch]}
  - {name: heap, version: "5", file: heap.tar.gz, url: "https://example.com/heap.tar.gz", folder: heap,
     sha256: 1111111111111111111111111111111111111111111111111111111111111111, when: {allocator: jemalloc}}
builder: {packages: [build-base, {add: clang, when: {option: tail-call}}], tools: [sh]}
options: {tail-call: "the interpreter whose instructions call each other"}
variables:
  HOST: ["{host}"]
  CC: [{add: gcc, when: {build: native}}, {add: "{host}-gcc", when: {build: cross}}]
  FLAGS: [-O2, {add: "-march={march}", when: {march: given}}, {add: --with-tail-call-interp, when: {option: tail-call}}, {add: -g, when: {without: tail-call}}]
  EMPTY:
steps:
  - {name: train, in: tiny, run: make train, when: {build: native, profile-data: none}}
  - {name: take, in: tiny, run: make take, when: {profile-data: given}}
  - {name: bolt, run: llvm-bolt, when: {machine: x86_64, profile: speed}}
`

func files() fs.FS { return fstest.MapFS{"patches/a.patch": {Data: []byte("--- a\n")}} }

func parsed(t *testing.T, text string) recipe.Recipe {
	t.Helper()
	r, err := recipe.Parse("tiny.yaml", []byte(text), files())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARecipeOfOneChoice(t *testing.T) {
	t.Parallel()
	r := parsed(t, small)
	native := recipe.Choice{Machine: "x86_64", Builder: "x86_64", Profile: recipe.Speed, Allocator: recipe.None}
	with := func(change func(*recipe.Choice)) recipe.Choice { c := native; change(&c); return c }
	for name, test := range map[string]struct {
		choice               recipe.Choice
		sources, steps       string
		packages, cc, flags  string
		trains, has, crosses bool
	}{
		"native": {choice: native, sources: "tiny", steps: "train bolt", packages: "build-base", cc: "CC=gcc", flags: "FLAGS=-O2 -g", trains: true},
		"cross": {choice: with(func(c *recipe.Choice) { c.Machine = "aarch64" }), sources: "tiny", steps: "", packages: "build-base",
			cc: "CC=aarch64-alpine-linux-musl-gcc", flags: "FLAGS=-O2 -g", crosses: true},
		"a profile that is there": {choice: with(func(c *recipe.Choice) { c.ProfileData = true }), sources: "tiny", steps: "take bolt", packages: "build-base",
			cc: "CC=gcc", flags: "FLAGS=-O2 -g"},
		"all": {choice: with(func(c *recipe.Choice) {
			c.Profile, c.March, c.Allocator, c.Options = recipe.Memory, "x86-64-v3", recipe.Jemalloc, []string{"tail-call"}
		}), sources: "tiny heap", steps: "train", packages: "build-base clang", cc: "CC=gcc", flags: "FLAGS=-O2 -march=x86-64-v3 --with-tail-call-interp", trains: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := r.Check(test.choice); err != nil {
				t.Fatal(err)
			}
			c := r.For(test.choice)
			var sources, steps, packages []string
			for _, s := range c.Sources {
				sources = append(sources, s.Folder)
			}
			for _, s := range c.Steps {
				steps = append(steps, s.Name)
			}
			for _, p := range c.Packages {
				packages = append(packages, p.Text)
			}
			for _, pair := range [][2]string{{strings.Join(sources, " "), test.sources}, {strings.Join(steps, " "), test.steps}, {strings.Join(packages, " "), test.packages}} {
				if pair[0] != pair[1] {
					t.Errorf("found %q, want %q", pair[0], pair[1])
				}
			}
			env := c.Environment(test.choice)
			for _, want := range []string{"NAME=tiny", "VERSION=1.2.3", "SERIES=1.2", "EMPTY=", "HOST=" + test.choice.Machine + "-alpine-linux-musl", test.cc, test.flags} {
				if !slices.Contains(env, want) {
					t.Errorf("the environment %q lacks %q", env, want)
				}
			}
			if r.Trains(test.choice) != test.trains || test.choice.Cross() != test.crosses {
				t.Errorf("trains: %v, crosses: %v", r.Trains(test.choice), test.choice.Cross())
			}
		})
	}
}

func TestCheckRefusesWhatTheRecipeDoesNotKnow(t *testing.T) {
	t.Parallel()
	r := parsed(t, small)
	good := recipe.Choice{Machine: "x86_64", Builder: "x86_64", Profile: recipe.Speed, Allocator: recipe.None}
	for want, change := range map[string]func(*recipe.Choice){
		`profile speed or memory, found "size"`: func(c *recipe.Choice) { c.Profile = "size" },
		`no allocator "tcmalloc"`:               func(c *recipe.Choice) { c.Allocator = "tcmalloc" },
		`no option "bolt"; it has tail-call`:    func(c *recipe.Choice) { c.Options = []string{"bolt"} },
		`machine for -march`:                    func(c *recipe.Choice) { c.March = "native; rm -rf /" },
	} {
		c := good
		change(&c)
		if err := r.Check(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := recipe.Parse("bad.yaml", []byte(`
format: 2
name: Tiny
version: one
sources:
  - {file: ../x, url: ftp://example.com/x, sha256: 12, folder: .., patches: [../up]}
builder: {packages: [{add: x, when: {profile: fast}}]}
options: {Tail: x}
variables: {cc: [gcc]}
files: [/etc]
stages: []
`), files())
	if err == nil {
		t.Fatal("the recipe was taken")
	}
	for _, want := range []string{"format", "name", "version", "sources[0].file", "sources[0].url", "sources[0].sha256", "sources[0].folder", "sources[0].patches",
		"builder.packages[0].when.profile", "options", "variables", "files", "stages"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s:\n%v", want, err)
		}
	}
}

func TestWhatFitsNothing(t *testing.T) {
	t.Parallel()
	for want, change := range map[string][2]string{
		`two sources have the folder "tiny"`:        {"folder: heap", "folder: tiny"},
		`the folder "out" is the build's own`:       {"folder: heap", "folder: out"},
		`no source has the folder "other"`:          {"name: train, in: tiny", "name: train, in: other"},
		`names the option "bolt", which is not`:     {"when: {machine: x86_64", "when: {option: bolt, machine: x86_64"},
		`a step has a name and what it runs`:        {"run: llvm-bolt, ", ""},
		`a source has file, url, sha256 and folder`: {"file: heap.tar.gz, ", ""},
		`name its version`:                          {"version: 1.2.3\nsources", "sources"},
	} {
		text := strings.Replace(small, change[0], change[1], 1)
		if text == small {
			t.Fatalf("%q is not in the recipe", change[0])
		}
		if _, err := recipe.Parse("tiny.yaml", []byte(text), files()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
}

// TestKnownRecipes holds our own recipes: they parse, their files are there, and they have no condition without a use.
func TestKnownRecipes(t *testing.T) {
	t.Parallel()
	all, err := recipe.Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.About == "" || len(r.Packages) == 0 || len(r.Tools) == 0 {
			t.Errorf("%s %s does not say what it is about, or what builds it", r.Name, r.Version)
		}
		if want := r.Name + "-" + r.Version + ".yaml"; r.File != want {
			t.Errorf("the file %s is the recipe of %s", r.File, want)
		}
		for _, name := range r.Files {
			if _, err := fs.Stat(r.Dir(), name); err != nil {
				t.Errorf("%s: %v", r.File, err)
			}
		}
		for _, s := range r.Sources {
			if !strings.HasPrefix(s.URL, "https://") || s.License == "" || s.PURL == "" {
				t.Errorf("%s: the source %s lacks https, a license or a package URL", r.File, s.Name)
			}
		}
	}
}

// TestBOLTIsAnOption holds the steps that no builder here can run: they are there where they are asked for, and nowhere else.
func TestBOLTIsAnOption(t *testing.T) {
	t.Parallel()
	native := recipe.Choice{Machine: "x86_64", Builder: "x86_64", Profile: recipe.Speed, Allocator: recipe.None}
	with, taken, cross := native, native, native
	with.Options = []string{"bolt"}
	taken.Options, taken.ProfileData = with.Options, true
	cross.Options, cross.Machine = with.Options, "aarch64"
	for _, test := range []struct {
		choice      recipe.Choice
		want, strip string
	}{{native, "", "strip"}, {with, "train for BOLT, BOLT", "llvm-strip"}, {taken, "BOLT", "llvm-strip"}, {cross, "", "aarch64-alpine-linux-musl-strip"}} {
		for _, version := range []string{"3.12.11", "3.13.5", "3.14.0"} {
			r, err := recipe.Find("cpython@" + version)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Check(test.choice); err != nil {
				t.Fatal(err)
			}
			r = r.For(test.choice)
			var steps []string
			for _, s := range r.Steps {
				if strings.Contains(s.Name, "BOLT") {
					steps = append(steps, s.Name)
				}
			}
			env := r.Environment(test.choice)
			configured := slices.ContainsFunc(env, func(v string) bool {
				return strings.HasPrefix(v, "CONFIGURE=") && strings.Contains(v, " --enable-bolt ")
			})
			if got := strings.Join(steps, ", "); got != test.want || configured != (test.want != "") || !slices.Contains(env, "STRIP="+test.strip) {
				t.Errorf("%s for %+v has the steps %q, configured %t, %q", version, test.choice, got, configured, env)
			}
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ wanted, found, fault string }{
		{wanted: "cpython", found: "cpython@3.14."},
		{wanted: "cpython@3.13", found: "cpython@3.13.5"},
		{wanted: "cpython@3.13.5", found: "cpython@3.13.5"},
		{wanted: "jemalloc", found: "jemalloc@5.3.0"},
		{wanted: "cpython@3.1", fault: "there is no recipe of cpython@3.1; there is cpython@3.1"},
		{wanted: "cpyton", fault: `did you mean "cpython"`},
		{wanted: "", fault: "there are recipes of"},
	} {
		r, err := recipe.Find(test.wanted)
		if test.fault != "" {
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("Find(%q) = %v, want %q", test.wanted, err, test.fault)
			}
		} else if got := r.Name + "@" + r.Version; err != nil || !strings.HasPrefix(got, test.found) {
			t.Errorf("Find(%q) = %s, %v, want %s", test.wanted, got, err, test.found)
		}
	}
}

// TestReadTakesFilesOfBoth copies one of our recipes, whose files are not copied along, and changes one of them.
func TestReadTakesFilesOfBoth(t *testing.T) {
	t.Parallel()
	ours, err := recipe.Find("cpython@3.13.5")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.yaml")
	if err := os.Mkdir(filepath.Join(dir, "cpython"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{file: string(ours.Text), filepath.Join(dir, "cpython", "Setup.local"): "mine\n"} {
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := recipe.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := fs.ReadFile(r.Dir(), "cpython/Setup.local"); err != nil || string(data) != "mine\n" {
		t.Errorf("Setup.local is %q, %v", data, err)
	}
	if _, err := fs.ReadFile(r.Dir(), "cpython/check.py"); err != nil {
		t.Errorf("check.py of pyimg's own recipe: %v", err)
	}
}

func TestARecipeLikeAnother(t *testing.T) {
	t.Parallel()
	dir := fstest.MapFS{"tiny.yaml": {Data: []byte(small)}, "round.yaml": {Data: []byte("format: 1\nlike: round.yaml\n")}}
	r, err := recipe.Parse("mine.yaml", []byte("format: 1\nlike: tiny.yaml\nversion: 1.2.4\nvariables: {FLAGS: [-O1], MORE: [x]}\nbuilder: {packages: [bash]}\n"+
		"steps: [{name: take, run: make mine, when: {profile-data: given}}, {name: end, run: sync}]\n"), dir)
	if err != nil {
		t.Fatal(err)
	}
	c := recipe.Choice{Machine: "x86_64", Builder: "x86_64", Profile: recipe.Speed, Allocator: recipe.None, ProfileData: true}
	r = r.For(c)
	env := r.Environment(c)
	for _, want := range []string{"VERSION=1.2.4", "FLAGS=-O1", "MORE=x", "CC=gcc"} {
		if !slices.Contains(env, want) {
			t.Errorf("the environment %q lacks %q", env, want)
		}
	}
	if len(r.Steps) != 3 || r.Steps[0].Run != "make mine" || r.Steps[1].Name != "bolt" || r.Steps[2].Name != "end" {
		t.Errorf("the steps are %+v", r.Steps)
	}
	if len(r.Packages) != 2 || r.Packages[1].Text != "bash" || string(r.Base) != small {
		t.Errorf("the packages are %v, the texts below it %q", r.Packages, r.Base)
	}
	for name, want := range map[string]string{"round.yaml": "like each other", "none.yaml": "none.yaml", "../x.yaml": "next to the recipe"} {
		if _, err := recipe.Parse("mine.yaml", []byte("format: 1\nlike: "+name+"\n"), dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("like %s: the error is %v, want %q in it", name, err, want)
		}
	}
}

func Example() {
	r, err := recipe.Find("jemalloc")
	if err != nil {
		fmt.Println(err)
		return
	}
	c := recipe.Choice{Machine: "x86_64", Builder: "x86_64", Profile: recipe.Speed, Allocator: recipe.None}
	for _, s := range r.For(c).Steps {
		fmt.Println(s.Name)
	}
	// Output:
	// compile
	// install
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	all, err := recipe.Known()
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range all {
		f.Add(r.Text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := recipe.Parse("fuzz.yaml", data, files())
		if err != nil {
			return
		}
		for _, machine := range []string{"x86_64", "aarch64"} {
			c := recipe.Choice{Machine: machine, Builder: "x86_64", Profile: recipe.Speed, Allocator: recipe.None}
			folders := map[string]bool{"": true}
			for _, s := range r.Sources {
				if folders[s.Folder] || strings.ContainsAny(s.Folder+s.File, "/'") {
					t.Fatalf("the source %q goes to %q of %v", s.File, s.Folder, slices.Collect(maps.Keys(folders)))
				}
				folders[s.Folder] = true
			}
			for _, s := range r.For(c).Steps {
				if !folders[s.Folder] || strings.TrimSpace(s.Run) == "" {
					t.Fatalf("the step %q runs %q in %q", s.Name, s.Run, s.Folder)
				}
			}
			for _, e := range r.For(c).Environment(c) {
				if strings.ContainsRune(e, 0) {
					t.Fatalf("the variable %q has a zero byte", e)
				}
			}
		}
	})
}
