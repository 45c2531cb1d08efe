package tree_test

import (
	"archive/tar"
	"strings"
	"testing"
)

// A member is one of a test archive's; file, script, dir, symlink and hardlink make it.
type member struct {
	header  tar.Header
	content string
}

func file(name, content string) member {
	return member{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}, content}
}

func script(name, content string) member {
	m := file(name, content)
	m.header.Mode = 0o755
	return m
}

func dir(name string) member {
	return member{header: tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}}
}

func symlink(name, target string) member {
	return member{header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}}
}

func equalLines(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s:\n%s\nwant:\n%s", what, g, w)
	}
}
