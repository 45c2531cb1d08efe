package e2e_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBenchTellsPythonsApart measures real Pythons in sandboxes: the same one twice, where nothing may be claimed, and an optimized one,
// which passes a gate. The gate is low, since two workloads and three rounds say little; "make bench-python" measures properly.
func TestBenchTellsPythonsApart(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	p := twoPlatforms()[0]
	needRunnable(t, p)
	dir := openDir(t)
	on := writeFile(t, filepath.Join(dir, "on.yaml"), s.alpine()+"packages: [alpine-baselayout, busybox]\n")
	optimized := strings.ReplaceAll(s.optimized(), "{alpine_arch}", p.alpine)
	baseline := strings.Replace(optimized, "optimized", "baseline", 1)
	results := filepath.Join(dir, "results.json")
	table := pyimg(t).must(t, "bench", "--on", on, "--platform", p.oci, "--cache-dir", t.TempDir(), "--only", "calls,dicts", "--quick", "--gate", "1.15",
		"--json", results, "baseline="+baseline, "again="+baseline, "optimized="+optimized)
	if !regexp.MustCompile(`(?m)^geometric mean +(no difference|not claimed)`).MatchString(table) {
		t.Errorf("a Python is called different from itself:\n%s", table)
	}
	if again := pyimg(t).must(t, "bench", "--compare", results); again != table {
		t.Errorf("the results of one run give another table:\n%s\nfirst it was:\n%s", again, table)
	}
}
