package version_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel/version"
)

func parse(t *testing.T, text string) version.Version {
	t.Helper()
	v, err := version.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestStringIsTheNormalForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1":                        "1",
		" v1.0 ":                   "1.0",
		"V01.00":                   "1.0",
		"1.0.0":                    "1.0.0",
		"0!1":                      "1",
		"2!1":                      "2!1",
		"1.0alpha":                 "1.0a0",
		"1.0-ALPHA.1":              "1.0a1",
		"1.0_beta_2":               "1.0b2",
		"1.0c3":                    "1.0rc3",
		"1.0.preview-4":            "1.0rc4",
		"1.0pre":                   "1.0rc0",
		"1.0-5":                    "1.0.post5",
		"1.0rev6":                  "1.0.post6",
		"1.0-r.7":                  "1.0.post7",
		"1.0POST":                  "1.0.post0",
		"1.0dev":                   "1.0.dev0",
		"1.0a1.post2.dev3":         "1.0a1.post2.dev3",
		"1.0a.dev1":                "1.0a0.dev1",
		"1.0a--1":                  "1.0a0.post1",
		"1.0+Ubuntu-1_02":          "1.0+ubuntu.1.2",
		"20250101123456789012345!": "",
		"20250101123456789012345":  "20250101123456789012345",
	} {
		v, err := version.Parse(text)
		if want == "" {
			if err == nil {
				t.Errorf("Parse(%q) = %q, want an error", text, v)
			}
			continue
		}
		if err != nil || v.String() != want {
			t.Errorf("Parse(%q) = %q, %v, want %q", text, v, err, want)
		}
	}
}

func TestParseRefusesWhatIsNoVersion(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "french toast", "1.0+", "1.0+a+b", "1.0++a", "1.0+a..b", "1.0+_a", "1.0+é", "1..0", ".1", "1.", "1.0x",
		"1.0a1.2", "1.*", "==1", "1.0 2", "1!", "!1", "1.0post1post2", "1.0\n2", strings.Repeat("1", 2000),
	} {
		if v, err := version.Parse(text); err == nil {
			t.Errorf("Parse(%.20q) = %q, want an error", text, v)
		}
	}
}

func TestCompareOrdersAsPEP440Does(t *testing.T) {
	t.Parallel()
	ordered := strings.Fields(`0 0.0.1 1.dev0 1.0.dev456 1.0a1.dev1 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2
		1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0+5.1 1.0+10
		1.0.post456.dev34 1.0.post456 1.0.1 1.0.15 1.1.dev1 1.10 18446744073709551616 20250101123456789012345 1!0.1 1!1`)
	for i, a := range ordered {
		for j, b := range ordered {
			if got := parse(t, a).Compare(parse(t, b)); cmp.Compare(got, 0) != cmp.Compare(i, j) {
				t.Errorf("Compare(%q, %q) = %d, want the sign of %d", a, b, got, i-j)
			}
		}
	}
}

func TestCompareTakesSpellingsForEqual(t *testing.T) {
	t.Parallel()
	for _, same := range []string{"1 1.0 1.0.0 v1 0!1 01", "1.0a1 1.0alpha1 1.0-a.1 1A1", "1.post0 1-0 1.0-r 1rev", "1+a.1 1.0+A-01"} {
		words := strings.Fields(same)
		for _, w := range words[1:] {
			if got := parse(t, words[0]).Compare(parse(t, w)); got != 0 {
				t.Errorf("Compare(%q, %q) = %d, want 0", words[0], w, got)
			}
		}
	}
}

// The verdicts are those of Python's packaging 25.0.
func TestContains(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ specifiers, in, out string }{
		{"", "1 1.dev0 1+x", ""},
		{"==2", "2 2.0 2.0.0 2+x", "2.1 2.0.post1 2.dev0 1!2"},
		{"==2.0+x", "2+x 2.0+X", "2.0 2.0+y"},
		{"==2.*", "2 2.1 2.0.dev1 2a1 2.post1 2.5+x", "20 3 1!2"},
		{"==2.0.*", "2 2.0.1 2.0a1", "2.1"},
		{"==00.*", "0 0.5 0.post1", "1"},
		{"!=2.0", "2.1 2.0.post1", "2 2.0+x"},
		{"!=2.1.*", "2 2.2", "2.1 2.1.5 2.1a1"},
		{"~=2.2", "2.2 2.3 2.2.post3 2.10", "3 2.1 2.2.dev0 3.0.dev0"},
		{"~=2.2.0", "2.2 2.2.9 2.2.post1", "2.3"},
		{"~=2.2rc1", "2.2rc1 2.2 2.9", "2.2b9 3"},
		{"~=1!2.2", "1!2.2", "2.2 2!2.2"},
		{">=2", "2 2.0 2+x 3", "2.dev0 2rc1 1.9"},
		{"<=2", "2 2rc1 2+x 1", "2.post1 2.0.1"},
		{">2", "2.0.1 3 2.1.dev0", "2 2+x 2.post1 2.post1+x"},
		{">2.post1", "2.post2 2.1", "2.post1 2.post1+x"},
		{"<2", "1 1.9rc1", "2 2rc1 2.dev0 2+x"},
		{"<2rc1", "2b1 2.dev0 2a1", "2rc1 2"},
		{"<2.post1", "2 2+x 1", "2.post1 2rc1 2.post1.dev0"},
		{"===2.0", "2.0", "2 2.0+x"},
		{"===2.0+X", "2.0+x", "2.0"},
		{">=1, <3 ,!=2.*,", "1 1.5", "2 2.5 3"},
	} {
		s, err := version.ParseSpecifiers(c.specifiers)
		if err != nil {
			t.Error(err)
			continue
		}
		for want, words := range map[bool]string{true: c.in, false: c.out} {
			for _, w := range strings.Fields(words) {
				if got := s.Contains(parse(t, w)); got != want {
					t.Errorf("%q contains %q: %v, want %v", c.specifiers, w, got, want)
				}
			}
		}
	}
}

func TestParseSpecifiersRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"2", "=2", "==", "===", "=>2", "==2 3", "~=2", "~=2.*", ">=2.*", ">=2+x", "<2+x", "~=2.0+x", "==2a1.*", "==2.post1.*",
		"==2.dev1.*", "==2+x.*", "==2.*.*", "== *", "===a b", "<>2", "2==", strings.Repeat("==1,", 10000)} {
		if s, err := version.ParseSpecifiers(text); err == nil {
			t.Errorf("ParseSpecifiers(%.20q) = %q, want an error", text, s)
		}
	}
}

func TestPinIsTheVersionThatIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"==1.0": "1.0", "== 1.0 ,>0": "1.0", "===2.0": "2.0", ">=1": "", "==1.*": "", "": "", "===odd": "", "~=1.0": "", "!=1": "",
	} {
		s, err := version.ParseSpecifiers(text)
		if err != nil {
			t.Fatal(err)
		}
		v, ok := s.Pin()
		if ok != (want != "") || ok && v.String() != want {
			t.Errorf("Pin of %q = %q, %v, want %q", text, v, ok, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1.0", "v1!2.3.4-ALPHA.5-r6.dev7+Abc-08", "1.0a--1", "1.0-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := version.Parse(text)
		if err != nil {
			return
		}
		again, err := version.Parse(v.String())
		if err != nil || again.String() != v.String() || again.Compare(v) != 0 {
			t.Errorf("Parse(%q) = %q, which reads as %q, %v", text, v, again, err)
		}
	})
}

func FuzzParseSpecifiers(f *testing.F) {
	for _, s := range []string{">=1.0,<2", "==1.*", "~=1.0", "===x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := version.ParseSpecifiers(text)
		if err != nil {
			return
		}
		if _, err := version.ParseSpecifiers(s.String()); err != nil {
			t.Errorf("ParseSpecifiers(%q) prints as %q: %v", text, s, err)
		}
		pin, ok := s.Pin()
		_ = ok && s.Contains(pin)
	})
}
