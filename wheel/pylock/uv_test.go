package pylock_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel/pylock"
	"github.com/pyimg/pyimg/wheel/source"
)

func uvLock() string {
	return `version = 1
revision = 3
requires-python = ">=3.12"
resolution-markers = ["sys_platform == 'linux'"]

[[package]]
name = "app"
version = "0.1"
source = { virtual = "." }
dependencies = [
    { name = "web", extra = ["tls"] },
    { name = "two", version = "2.0", source = { registry = "https://x.example/simple" }, marker = "sys_platform == 'linux'" },
    { name = "two", version = "1.0", source = { registry = "https://x.example/simple" }, marker = "sys_platform != 'linux'" },
    { name = "win", marker = "sys_platform == 'win32'" },
]

[package.optional-dependencies]
fast = [{ name = "speed" }]

[package.dev-dependencies]
dev = [{ name = "test" }]

[package.metadata]
requires-dist = [{ name = "web" }]
` + uvWheel("web", "1.0", "dependencies = [{ name = 'web' }, { name = 'base' }]\n[package.optional-dependencies]\ntls = [{ name = 'crypto' }]\nother = [{ name = 'speed' }]") +
		uvWheel("base", "1.0", "") + uvWheel("crypto", "1.0", "") + uvWheel("speed", "1.0", "") + uvWheel("test", "1.0", "") + uvWheel("two", "1.0", "") + uvWheel("two", "2.0", "")
}

func uvWheel(name, version, more string) string {
	return "\n[[package]]\nname = '" + name + "'\nversion = '" + version + "'\nsource = { registry = 'https://x.example/simple' }\n" +
		"sdist = { url = 'https://x.example/" + name + ".tar.gz', hash = 'sha256:00', size = 1 }\n" +
		"wheels = [{ url = 'https://x.example/" + name + "-" + version + "-py3-none-any.whl', hash = 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae', size = 3 }]\n" + more + "\n"
}

func chooseUV(t *testing.T, text string, o pylock.Options) (string, error) {
	t.Helper()
	l, err := pylock.ParseUV([]byte(text), "uv.lock")
	if err != nil {
		return "", err
	}
	selected, err := l.Select(t.Context(), targets(t, "linux/amd64"), o)
	if err != nil {
		return "", err
	}
	var names []string
	for _, f := range selected[0] {
		name, _, _ := strings.Cut(f.Filename.Text, "-py3")
		names = append(names, name)
	}
	return strings.Join(names, " "), nil
}

func TestUVLock(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]pylock.Options{
		"base-1.0 crypto-1.0 two-2.0 web-1.0":                    {},
		"base-1.0 crypto-1.0 speed-1.0 two-2.0 web-1.0":          {Extras: []string{"fast"}},
		"base-1.0 crypto-1.0 test-1.0 two-2.0 web-1.0":           {Groups: []string{"dev"}},
		"base-1.0 crypto-1.0 speed-1.0 test-1.0 two-2.0 web-1.0": {Extras: []string{"Fast"}, Groups: []string{"Dev"}},
	} {
		if got, err := chooseUV(t, uvLock(), o); err != nil || got != want {
			t.Errorf("%+v: %q, %v, want %q", o, got, err, want)
		}
	}
	l, err := pylock.ParseUV([]byte(uvLock()), "uv.lock")
	if err != nil || len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "app") {
		t.Errorf("%v, want a warning that names the project", err)
	}
}

func TestUVLockReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	text := strings.Replace(uvLock(), "dependencies = [\n", "dependencies = [{ name = 'checkout' }, { name = 'gone' }, { name = 'member' }, { name = 'native' }, { name = 'two' }, { name = 'web', marker = 'x' },\n", 1) +
		"\n[[package]]\nname = 'checkout'\nversion = '1'\nsource = { git = 'https://x.example/y?rev=1#0' }\n" +
		"\n[[package]]\nname = 'member'\nversion = '1'\nsource = { editable = 'packages/member' }\n" +
		"\n[[package]]\nname = 'native'\nversion = '1'\nsource = { registry = 'x' }\nsdist = { url = 'x' }\n"
	_, err := chooseUV(t, text, pylock.Options{Extras: []string{"nope"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"checkout" is a vcs`, `"gone"`, `"member" is a directory`, `"native" has an sdist`, `"two" leads to 2 packages`, "extra nope is not in the lock", `"web"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error has no %q:\n%v", want, err)
		}
	}
	if !errors.Is(err, source.ErrNoFit) {
		t.Error("the error is not source.ErrNoFit")
	}
}

func TestParseUVRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                  "version 0",
		"version = 2":       "version 2",
		"version = 1":       "no project",
		"version = 1\nx = ": "line 2",
		"version = 1\nconflicts = [[{ extra = 'a' }]]":                                          "conflicting",
		"version = 1\n[[package]]\nname = '../a'":                                               "name",
		strings.Replace(uvLock(), "registry = 'https://x.example/simple'", "editable = '.'", 1): "two projects",
	} {
		if _, err := pylock.ParseUV([]byte(text), "uv.lock"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseUV(%.40q): %v, want an error with %q", text, err, want)
		}
	}
}

func FuzzParseUV(f *testing.F) {
	f.Add(uvLock())
	one := targets(f, "linux/amd64")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := pylock.ParseUV([]byte(text), "uv.lock")
		if err != nil {
			return
		}
		if selected, err := l.Select(t.Context(), one, pylock.Options{}); err == nil && len(selected) != 1 {
			t.Errorf("%d platforms", len(selected))
		}
	})
}
