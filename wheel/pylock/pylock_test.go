package pylock_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/wheel/pylock"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/version"
)

func targets(t testing.TB, platforms ...string) []target.Target {
	t.Helper()
	var made []target.Target
	for _, platform := range platforms {
		machine := map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64"}[platform]
		one, err := target.New(platform, target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: machine})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, one)
	}
	return made
}

// lock is a lock of packages that are written in short: each wheel gets a hash.
func lock(head string, packages ...string) string {
	text := "lock-version = '1.0'\n" + head + "\n"
	for _, p := range packages {
		text += "[[packages]]\n" + p + "\n"
	}
	return text
}

const hashes = "hashes = { sha256 = '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae' }"

func wheels(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "{ url = 'https://x.example/%s', %s },", n, hashes)
	}
	return "wheels = [" + b.String() + "]"
}

func pure(name, more string) string {
	return "name = '" + name + "'\nversion = '1.0'\n" + more + "\n" + wheels(name+"-1.0-py3-none-any.whl")
}

func choose(t *testing.T, text string, o pylock.Options, platforms ...string) (string, error) {
	t.Helper()
	l, err := pylock.Parse([]byte(text), "pylock.toml")
	if err != nil {
		return "", err
	}
	selected, err := l.Select(t.Context(), targets(t, platforms...), o)
	var names []string
	for _, files := range selected {
		for _, f := range files {
			names = append(names, f.Filename.Text)
		}
	}
	return strings.Join(names, " "), err
}

func TestSelect(t *testing.T) {
	t.Parallel()
	grouped := lock("extras = ['Web']\ndependency-groups = ['dev', 'docs']\ndefault-groups = ['docs']",
		pure("a", ""), pure("b", `marker = "'web' in extras"`), pure("c", `marker = "'dev' in dependency_groups"`), pure("d", `marker = "'docs' in dependency_groups"`))
	native := lock("", "name = 'n'\n"+wheels("n-1.0-cp313-cp313-musllinux_1_2_x86_64.whl", "n-1.0-cp313-cp313-manylinux_2_17_x86_64.whl", "n-1.0-cp39-abi3-musllinux_1_1_aarch64.whl", "n-1.0-py2-none-any.whl"))
	for _, c := range []struct {
		text    string
		options pylock.Options
		want    string
	}{
		{lock(""), pylock.Options{}, ""},
		{grouped, pylock.Options{}, "a-1.0-py3-none-any.whl d-1.0-py3-none-any.whl"},
		{grouped, pylock.Options{Groups: []string{}}, "a-1.0-py3-none-any.whl"},
		{grouped, pylock.Options{Extras: []string{"WEB"}, Groups: []string{"dev"}}, "a-1.0-py3-none-any.whl b-1.0-py3-none-any.whl c-1.0-py3-none-any.whl"},
		{native, pylock.Options{}, "n-1.0-cp313-cp313-musllinux_1_2_x86_64.whl"},
		{lock("", pure("a", `marker = "sys_platform == 'win32'"`), pure("a", "")), pylock.Options{}, "a-1.0-py3-none-any.whl"},
		{lock("environments = ['os_name == \"nt\"', 'platform_machine == \"x86_64\"']", pure("a", "")), pylock.Options{}, "a-1.0-py3-none-any.whl"},
		{lock("", "name = 'gone'\nmarker = \"sys_platform == 'win32'\"\n[packages.vcs]\ntype = 'git'"), pylock.Options{}, ""},
	} {
		got, err := choose(t, c.text, c.options, "linux/amd64")
		if err != nil || got != c.want {
			t.Errorf("%s\n%+v: %q, %v, want %q", c.text, c.options, got, err, c.want)
		}
	}
	if got, err := choose(t, native, pylock.Options{}, "linux/arm64"); err != nil || got != "n-1.0-cp39-abi3-musllinux_1_1_aarch64.whl" {
		t.Errorf("arm64: %q, %v", got, err)
	}
}

func TestSelectReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	text := lock("",
		"name = 'me'\n[packages.directory]\npath = '.'\neditable = true",
		"name = 'checkout'\n[packages.vcs]\ntype = 'git'\nurl = 'x'\ncommit-id = 'x'",
		"name = 'tar'\n[packages.archive]\nurl = 'x'",
		"name = 'src'\n[packages.sdist]\nname = 'src-1.tar.gz'\nurl = 'x'",
		"name = 'bare'\nwheels = [{ url = 'https://x.example/bare-1-py3-none-any.whl', hashes = { md5 = 'x' } }]",
		"name = 'other'\n"+wheels("another-1.0-py3-none-any.whl"),
		"name = 'number'\nversion = '2'\n"+wheels("number-1.0-py3-none-any.whl"),
		"name = 'nameless'\n"+wheels("nameless.zip"),
		"name = 'glibc'\n"+wheels("glibc-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"),
		"name = 'kernel'\nmarker = \"platform_release > '5'\"",
		"name = 'marker'\nmarker = 'x'",
		pure("old", "requires-python = '<3.10'"),
		pure("two", ""), pure("two", ""))
	_, err := choose(t, text, pylock.Options{Extras: []string{"nope"}}, "linux/amd64", "linux/arm64")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"extra nope is not in the lock", `"me" is a directory`, "--no-emit-project", `"checkout" is a vcs`, `"tar" is an archive`, "sdist", "pyimg wheels build", `"bare-1-py3-none-any.whl"`, "hashes",
		"name of another project", "another version", "nameless.zip", "no wheel of glibc for linux/amd64", "no wheel of glibc for linux/arm64", "platform_release", `"marker"`, "requires-python", `"two" is there twice`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error has no %q:\n%v", want, err)
		}
	}
	if !errors.Is(err, source.ErrNoFit) {
		t.Error("the error is not source.ErrNoFit")
	}
	if n := strings.Count(err.Error(), `"me" is a directory`); n != 1 {
		t.Errorf("a fault of both platforms is there %d times", n)
	}
}

type index map[string]string

func (x index) Complete(_ context.Context, project string, v version.Version, t target.Target) (source.File, error) {
	name, ok := x[project+" "+v.String()+" "+t.Platform]
	if !ok {
		return source.File{}, source.ErrNoFit
	}
	f, err := tag.ParseFilename(name)
	return source.File{Filename: f}, err
}

func TestCompleterIsAskedWhereTheLockHasNoWheel(t *testing.T) {
	t.Parallel()
	text := lock("", "name = 'N'\nversion = '1.0'\n"+wheels("n-1.0-cp313-cp313-musllinux_1_2_x86_64.whl"), "name = 'src'\nversion = '2'\n[packages.sdist]\nurl = 'x'")
	found := index{"n 1.0 linux/arm64": "n-1.0-py3-none-any.whl", "src 2 linux/amd64": "src-2-py3-none-any.whl", "src 2 linux/arm64": "src-2-py3-none-any.whl"}
	got, err := choose(t, text, pylock.Options{Completer: found}, "linux/amd64", "linux/arm64")
	if want := "n-1.0-cp313-cp313-musllinux_1_2_x86_64.whl src-2-py3-none-any.whl n-1.0-py3-none-any.whl src-2-py3-none-any.whl"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                    "lock-version",
		"lock-version = '2.0'":                "lock-version",
		"lock-version = 'x'":                  "lock-version",
		"lock-version = 1.0":                  "lock-version",
		"lock-version = '1.0'\nx = ":          "line 2",
		"lock-version = '1.0'\nextras = 'a'":  "line 2",
		"lock-version = '1.0'\npackages = 1":  "line 2",
		"x = " + strings.Repeat("[", 100_000): "TOML",
		strings.Repeat("a.", 100_000) + "b=1": "TOML",
		"x = " + strings.Repeat("{a=", 1000):  "TOML",
	} {
		if _, err := pylock.Parse([]byte(text), "pylock.toml"); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "pylock.toml") {
			t.Errorf("Parse(%.40q): %.300v, want an error with %q", text, err, want)
		}
	}
}

func TestParseWarnsOfANewerMinorVersion(t *testing.T) {
	t.Parallel()
	l, err := pylock.Parse([]byte("lock-version = '1.3'\nnew = \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"\n# [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n"), "pylock.toml")
	if err != nil || len(l.Warnings) != 1 {
		t.Errorf("%+v, %v", l, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(lock("extras = ['a']\nenvironments = [\"os_name == 'posix'\"]", pure("a", "marker = \"'a' in extras\""), "name = 'b'\n[packages.vcs]\ntype = 'git'"))
	both := targets(f, "linux/amd64", "linux/arm64")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := pylock.Parse([]byte(text), "pylock.toml")
		if err != nil {
			return
		}
		selected, err := l.Select(t.Context(), both, pylock.Options{})
		if err == nil && len(selected) != 2 {
			t.Errorf("%d platforms", len(selected))
		}
		for _, files := range selected {
			for _, file := range files {
				if len(file.Hashes) == 0 {
					t.Errorf("%s has no hash", file.Filename.Text)
				}
			}
		}
	})
}

// TestConformance compares with what the shared locks should give.
func TestConformance(t *testing.T) {
	t.Parallel()
	dir := "../../../shared/conformance/wheels/locks"
	data, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("needs the conformance data of ../shared")
	}
	var expected map[string]struct {
		Cases []map[string]json.RawMessage
		Fetch bool
	}
	if err != nil || json.Unmarshal(data, &expected) != nil {
		t.Fatal(err)
	}
	for name, e := range expected {
		for i, c := range e.Cases {
			var o pylock.Options
			decode(t, c["extras"], &o.Extras)
			decode(t, c["groups"], &o.Groups)
			for _, platform := range []string{"linux/amd64", "linux/arm64"} {
				t.Run(fmt.Sprintf("%s/%d/%s", name, i, platform), func(t *testing.T) {
					t.Parallel()
					var want struct {
						Wheels []string
						Error  string
					}
					decode(t, c[platform], &want)
					got, err := conform(t, dir, name, o, platform)
					if want.Error != "" {
						if err == nil || !strings.Contains(err.Error(), want.Error) {
							t.Errorf("%q, %v, want an error with %q", got, err, want.Error)
						}
						return
					}
					if diff := cmp.Diff(want.Wheels, got); diff != "" || err != nil {
						t.Error(err, diff)
					}
				})
			}
		}
	}
}

func decode(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if raw == nil {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// conform selects, and reads each file that is there.
func conform(t *testing.T, dir, name string, o pylock.Options, platform string) ([]string, error) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	l, err := pylock.Parse(data, name)
	if err != nil {
		return nil, err
	}
	selected, err := l.Select(t.Context(), targets(t, platform), o)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, f := range selected[0] {
		names = append(names, f.Filename.Text)
		at := filepath.Join(dir, f.Path)
		if f.Path == "" {
			at = filepath.Join(dir, "../wheels", f.Filename.Text)
			if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
				continue // a lock whose files are not there: the choice alone counts
			}
		}
		r, err := os.Open(at)
		if err != nil {
			return nil, err
		}
		checker := f.Checker()
		_, err = io.Copy(checker, r)
		_ = r.Close()
		if err != nil {
			return nil, err
		}
		if err := checker.Check(); err != nil {
			return nil, err
		}
	}
	return names, nil
}
