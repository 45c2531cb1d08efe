package apk_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/apk"
)

func TestParseDependency(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]apk.Dependency{
		"busybox":                  {Name: "busybox"},
		"!docs":                    {Name: "docs", Conflict: true},
		"nginx@edge":               {Name: "nginx", Tag: "edge"},
		"nginx@edge>=1.2":          {Name: "nginx", Tag: "edge", Op: apk.OpGreaterEqual, Version: "1.2"},
		"!x<1.0-r3":                {Name: "x", Conflict: true, Op: apk.OpLess, Version: "1.0-r3"},
		"x<=1":                     {Name: "x", Op: apk.OpLessEqual, Version: "1"},
		"x>1":                      {Name: "x", Op: apk.OpGreater, Version: "1"},
		"x=1":                      {Name: "x", Op: apk.OpEqual, Version: "1"},
		"x~1.2":                    {Name: "x", Op: apk.OpFuzzy, Version: "1.2"},
		"x<~1.2":                   {Name: "x", Op: apk.OpFuzzyLess, Version: "1.2"},
		"x>~1.2":                   {Name: "x", Op: apk.OpFuzzyGreater, Version: "1.2"},
		"x><Q1abc=":                {Name: "x", Op: apk.OpChecksum, Version: "Q1abc="},
		"so:libc.musl-x86_64.so.1": {Name: "so:libc.musl-x86_64.so.1"},
		"cmd:[=1.2-r0":             {Name: "cmd:[", Op: apk.OpEqual, Version: "1.2-r0"},
		"pc:libpng16>=1.6":         {Name: "pc:libpng16", Op: apk.OpGreaterEqual, Version: "1.6"},
		"/bin/sh":                  {Name: "/bin/sh"},
	} {
		got, err := apk.ParseDependency(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseDependency(%q) (-want +got):\n%s", text, diff)
		}
		if got.String() != text {
			t.Errorf("ParseDependency(%q).String() = %q", text, got)
		}
	}
}

func TestParseDependencyOtherSpellings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"x=>1": "x>=1", "x=~1": "x~1", "x==1": "x=1", "x<>Q1abc=": "x><Q1abc=", "x<=>1": "x"} {
		got, err := apk.ParseDependency(text)
		if err != nil || got.String() != want {
			t.Errorf("ParseDependency(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseDependencyRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "!", "@edge", "x@", "=1", "x=", "x>=", "x=foo", "x~1.", "x y", "x\n", "x\x1b[m", "!>=1"} {
		if got, err := apk.ParseDependency(text); err == nil {
			t.Errorf("ParseDependency(%q) = %+v, want an error", text, got)
		}
	}
}

func TestParseDependencies(t *testing.T) {
	t.Parallel()
	got, err := apk.ParseDependencies(" musl>=1.2  so:libz.so.1\n!uclibc ")
	want := []apk.Dependency{
		{Name: "musl", Op: apk.OpGreaterEqual, Version: "1.2"}, {Name: "so:libz.so.1"}, {Name: "uclibc", Conflict: true},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseDependencies: %v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"a@tag", "a b=x", "a ="} {
		if _, err := apk.ParseDependencies(text); err == nil {
			t.Errorf("ParseDependencies(%q): no error", text)
		}
	}
}

func FuzzDependency(f *testing.F) {
	for _, s := range []string{"busybox", "!x<1.0-r3", "nginx@edge>=1.2", "x><Q1abc=", "cmd:[=1", "x<=>1", "@", "!@=", "x@a@b~1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := apk.ParseDependency(s)
		if err != nil {
			return
		}
		again, err := apk.ParseDependency(d.String())
		if err != nil || again != d {
			t.Errorf("ParseDependency(%q) is %+v, its text %q is read as %+v, %v", s, d, d, again, err)
		}
	})
}
