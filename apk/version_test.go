package apk_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
)

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	inOrder := []string{
		"0", "0.01.1", "0.1", "0.1.1",
		"1_alpha", "1_alpha1", "1_beta", "1_pre", "1_rc", "1_rc2-r1",
		"1", "1-r1", "1-r10", "1_cvs", "1_svn", "1_git20240101", "1_hg", "1_p", "1_p1", "1a", "1b",
		"1.0", "1.0.1", "1.00", "1.01", "1.1", "1.10", "2", "10", "20240101",
	}
	for i, a := range inOrder {
		for _, b := range inOrder[i+1:] {
			checkCompare(t, a, b, -1)
		}
	}
	checkCompare(t, "1.0~1234", "1.0~2345", -1)
	checkCompare(t, "1.0~1234", "1.0", 1)
	checkCompare(t, "1.2-r0", "1.2-r0", 0)
	checkCompare(t, "1.0.", "1.0.x", 0)
}

func checkCompare(t *testing.T, a, b string, want int) {
	t.Helper()
	if got := apk.CompareVersions(a, b); got != want {
		t.Errorf("CompareVersions(%q, %q) = %d, want %d", a, b, got, want)
	}
	if got := apk.CompareVersions(b, a); got != -want {
		t.Errorf("CompareVersions(%q, %q) = %d, want %d", b, a, got, -want)
	}
}

func TestValidVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"1": true, "1.2.3a_rc1_p2~0af-r3": true, "0": true, "2024.01.01": true,
		"": false, "a": false, ".1": false, "1.": false, "1.a": false, "1ab": false, "1a1": false, "1_foo": false, "1_": false,
		"1~": false, "1~xyz": false, "1~AB": false, "1-r": false, "1-1": false, "1-r1-r2": false, "1-r1_p1": false, "1 ": false, "1.2\n": false,
	} {
		if got := apk.ValidVersion(version); got != want {
			t.Errorf("ValidVersion(%q) = %t, want %t", version, got, want)
		}
	}
}

// TestVersionsAsRealApk holds the comparisons against real apk's answers.
func TestVersionsAsRealApk(t *testing.T) {
	t.Parallel()
	lines := 0
	for line := range apktest.CaseLines(t, apktest.Shared(t, "conformance/version.txt")) {
		lines++
		words := strings.Fields(line)
		if len(words) == 1 {
			version, invalid := strings.CutPrefix(words[0], "!")
			if apk.ValidVersion(version) == invalid {
				t.Errorf("ValidVersion(%q) = %t, want %t", version, invalid, !invalid)
			}
			continue
		}
		op, not := strings.CutPrefix(words[1], "!")
		if got := holds(t, words[0], op, words[2]); got == not {
			t.Errorf("%s %s %s is %t, want %t", words[0], op, words[2], got, !got)
		}
	}
	if lines == 0 {
		t.Error("no cases")
	}
}

// holds asks the solver whether a package of version a satisfies a constraint.
func holds(t *testing.T, a, op, b string) bool {
	t.Helper()
	d := apk.Dependency{Name: "x", Version: b, Op: map[string]apk.Op{
		"=": apk.OpEqual, "<": apk.OpLess, "<=": apk.OpLessEqual, ">": apk.OpGreater, ">=": apk.OpGreaterEqual,
		"~": apk.OpFuzzy, "<~": apk.OpFuzzyLess, ">~": apk.OpFuzzyGreater,
	}[op]}
	if d.Op == apk.OpAny {
		t.Fatalf("unknown operator %q", op)
	}
	x := apktest.IndexOf(t, nil, "", []*apk.Package{{Name: "x", Version: a}})
	_, err := solve.Solve([]apk.Dependency{d}, []*apk.Index{x}, solve.Options{})
	return err == nil
}

func FuzzVersion(f *testing.F) {
	for _, v := range []string{"1.2.3a_rc1_p2~0af-r3", "1.01", "1.1", "0", "", "1..2", "99999999999999999999.1", "1_alpha", "1~"} {
		f.Add(v, "1.2_git2024-r0")
		f.Add(v, v)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		got := apk.CompareVersions(a, b)
		if back := apk.CompareVersions(b, a); got != -back || got < -1 || got > 1 {
			t.Errorf("CompareVersions(%q, %q) = %d, but %d the other way round", a, b, got, back)
		}
		if apk.CompareVersions(a, a) != 0 {
			t.Errorf("CompareVersions(%q, %[1]q) is not 0", a)
		}
		if apk.ValidVersion(a) && strings.ContainsAny(a, " \n@<>=!") {
			t.Errorf("ValidVersion(%q) = true", a)
		}
	})
}
