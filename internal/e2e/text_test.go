package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// head keeps a failure readable when everything differs.
func head(lines []string) string {
	const most = 25
	if len(lines) > most {
		lines = append(slices.Clone(lines[:most]), fmt.Sprintf("... and %d more", len(lines)-most))
	}
	return strings.Join(lines, "\n")
}

// firstDifference shows two texts from the line before the first one that
// differs.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < min(len(w), len(g)) && w[i] == g[i] {
		i++
	}
	from := max(0, i-1)
	part := func(lines []string) string {
		return fmt.Sprintf("%.600q", strings.Join(lines[min(from, len(lines)):min(i+4, len(lines))], "\n"))
	}
	return fmt.Sprintf("line %d:\n\twant %s\n\tgot  %s", i+1, part(w), part(g))
}

func gunzip(t testing.TB, data string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func writeJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(b))
}
