package source_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel/source"
)

const (
	fooSHA256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	fooSHA384 = "98c11ffdfdd540676b1a137cb1a22b2a70350c9a44171d6b1180c6be5cbb2ee3f79d532c8a1dd9ef2e8e08e752a3babb"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	wrong := strings.Repeat("00", 32)
	for name, c := range map[string]struct {
		file source.File
		want string
	}{
		"nothing known": {source.File{}, ""},
		"right":         {source.File{Size: 3, Hashes: source.Hashes{"sha256": fooSHA256, "sha384": fooSHA384}}, ""},
		"size":          {source.File{Size: 4}, "it has 3 bytes, expected 4"},
		"hash":          {source.File{Hashes: source.Hashes{"sha256": wrong}}, "hash"},
		"one of two":    {source.File{Hashes: source.Hashes{"sha256": wrong, "sha384": fooSHA384}}, "hash"},
		"any of":        {source.File{AnyOf: []source.Hash{{Name: "sha256", Digest: wrong}, {Name: "sha384", Digest: fooSHA384}}}, ""},
		"none of":       {source.File{AnyOf: []source.Hash{{Name: "sha256", Digest: wrong}}}, "hash"},
	} {
		checker := c.file.Checker()
		for _, part := range []string{"f", "oo"} {
			_, _ = checker.Write([]byte(part))
		}
		if err := checker.Check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestParseHashes(t *testing.T) {
	t.Parallel()
	got, err := source.ParseHashes(map[string]string{"SHA256": strings.ToUpper(fooSHA256), "md5": "x"})
	if err != nil || len(got) != 1 || got["sha256"] != fooSHA256 {
		t.Errorf("ParseHashes = %v, %v", got, err)
	}
	for _, table := range []map[string]string{nil, {"md5": "acbd18db4cc2f85cedef654fccc4a4d8"}, {"sha1": "x"}, {"sha256": "x"}, {"sha256": fooSHA384}} {
		if got, err := source.ParseHashes(table); err == nil || !strings.Contains(err.Error(), "hash") {
			t.Errorf("ParseHashes(%v) = %v, %v, want an error", table, got, err)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"https://x.example/a/foo%2B1-1.0-py3-none-any.whl?token=secret#sha256=0": "foo+1-1.0-py3-none-any.whl",
		"https://x.example/%zz/a.whl?token=secret":                               "a.whl",
		"../w/a.whl": "a.whl", "a.whl": "a.whl", `C:\w\a.whl`: `a.whl`,
	} {
		if got := source.Name(location); got != want {
			t.Errorf("Name(%q) = %q, want %q", location, got, want)
		}
	}
}
