package tag_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel/tag"
)

func TestParseFilename(t *testing.T) {
	t.Parallel()
	f, err := tag.ParseFilename("Foo.Bar_x-1.0.post1-010b-py2.py3-none-manylinux_2_17_x86_64.Manylinux2014_x86_64.whl")
	if err != nil {
		t.Fatal(err)
	}
	tags := []string{"py2-none-manylinux_2_17_x86_64", "py2-none-manylinux2014_x86_64", "py3-none-manylinux_2_17_x86_64", "py3-none-manylinux2014_x86_64"}
	if f.Name != "foo-bar-x" || f.Distribution != "Foo.Bar_x" || f.Version.String() != "1.0.post1" || f.Build != (tag.Build{Number: "10", Suffix: "b"}) || !slices.Equal(f.Tags, tags) {
		t.Errorf("ParseFilename = %+v", f)
	}
}

func TestNamesOfOldToolsAreRead(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"foo__bar-1.0-py3-none-any.whl": "foo-bar 1.0", "foo-1.0_1-py3-none-any.whl": "foo 1.0.post1", "foo-1.0+a_b-py3-none-any.whl": "foo 1.0+a.b", "Foo.Bar-1-py3-none-any.whl": "foo-bar 1",
	} {
		f, err := tag.ParseFilename(name)
		if got := f.Name + " " + f.Version.String(); err != nil || got != want {
			t.Errorf("ParseFilename(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestParseFilenameRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", ".whl", "foo.whl", "bad_name.whl", "foo-1.0-py3-none.whl", "foo-1.0-1-2-py3-none-any.whl", "foo-1.0-py3-none-any.zip", "foo-x-py3-none-any.whl",
		"fo o-1.0-py3-none-any.whl", "../foo-1.0-py3-none-any.whl", "foo-1.0-b1-py3-none-any.whl", "foo-1.0-py3..py2-none-any.whl",
		"foo-1.0-py3--any.whl", "-1.0-py3-none-any.whl", "foo-1.0-" + strings.Repeat("a.", 20) + "a-" + strings.Repeat("a.", 20) + "a-" + strings.Repeat("a.", 20) + "a.whl",
		"foo-1.0-py3-none-any" + strings.Repeat("y", 300) + ".whl",
	} {
		if f, err := tag.ParseFilename(name); err == nil {
			t.Errorf("ParseFilename(%.40q) = %+v, want an error", name, f)
		}
	}
}

func TestBest(t *testing.T) {
	t.Parallel()
	set := tag.NewSet([]string{"cp313-cp313-musllinux_1_2_x86_64", "cp39-abi3-musllinux_1_2_x86_64", "py3-none-any"})
	for _, c := range []struct {
		names []string
		want  int
	}{
		{nil, -1},
		{[]string{"a-1-py2-none-any.whl", "a-1-cp313-cp313-manylinux_2_17_x86_64.whl"}, -1},
		{[]string{"a-1-py3-none-any.whl", "a-1-cp39-abi3-musllinux_1_2_x86_64.whl"}, 1},
		{[]string{"a-1-py3-none-any.whl", "a-1-cp39-abi3-musllinux_1_1_x86_64.musllinux_1_2_x86_64.whl", "a-1-cp313-cp313-musllinux_1_2_x86_64.whl"}, 2},
		{[]string{"a-1-9-py3-none-any.whl", "a-1-10-py3-none-any.whl", "a-1-py3-none-any.whl"}, 1},
		{[]string{"a-1-1-py3-none-any.whl", "a-1-1b-py3-none-any.whl", "a-1-1a-py3-none-any.whl"}, 1},
		{[]string{"a-1-999-py3-none-any.whl", "a-1-cp39-abi3-musllinux_1_2_x86_64.whl"}, 1},
		{[]string{"a-1-py3-none-any.whl", "a-1-py2.py3-none-any.whl"}, 0},
	} {
		var files []tag.Filename
		for _, name := range c.names {
			f, err := tag.ParseFilename(name)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		if got := set.Best(files); got != c.want {
			t.Errorf("Best(%q) = %d, want %d", c.names, got, c.want)
		}
	}
}

func FuzzParseFilename(f *testing.F) {
	f.Add("a-1.0-1b-py2.py3-none-any.whl")
	f.Fuzz(func(t *testing.T, name string) {
		parsed, err := tag.ParseFilename(name)
		if err == nil && (parsed.Name == "" || len(parsed.Tags) == 0 || strings.ContainsAny(parsed.Distribution, "/\\-")) {
			t.Errorf("ParseFilename(%q) = %+v", name, parsed)
		}
	})
}
