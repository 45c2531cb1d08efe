package page_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pyimg/pyimg/internal/bench/page"
)

const (
	before = "# A page\n\n<!-- measured by make this -->\n\n"
	after  = "\n<!-- end of what was measured -->\n\nThe end.\n"
)

func TestPut(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "page.md")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(before + "old\n" + after)
	for _, text := range []string{"new\n", "newer\n"} {
		if err := page.Put(file, "make this", text); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != before+text+after {
			t.Errorf("the page is %q, %v", got, err)
		}
		if found, ok := page.Get(string(got), "make this"); !ok || found != text {
			t.Errorf("Get = %q, %v; want %q", found, ok, text)
		}
	}
	for _, text := range []string{"", before, after, "<!-- measured by make that -->\n\n" + after} {
		write(text)
		if err := page.Put(file, "make this", "new"); err == nil {
			t.Errorf("a page without marks is taken: %q", text)
		}
		if got, _ := os.ReadFile(file); string(got) != text {
			t.Errorf("the page without marks became %q", got)
		}
	}
}
