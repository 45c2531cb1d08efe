package template_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/template"
)

func known(name string) (string, bool) {
	v, ok := map[string]string{"A": "1", "B_2": "{A}", "E": ""}[name]
	return v, ok
}

func TestFill(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                 "",
		"{A}":              "1",
		"x{A}y{A}z":        "x1y1z",
		"{B_2}":            "{A}", // not filled in again
		"<{E}>":            "<>",
		"{C}":              "{C}",
		"${A}":             "${A}",
		"$${A}":            "$${A}",
		"{{A}}":            "{A}",
		"{{C}}":            "{{C}}",
		"{{ A }}":          "{{ A }}",
		"{{A}":             "{1", // a brace, then {A}
		"{A}}":             "1}",
		"{{{A}}}":          "{{A}}",
		`{"A": 1}`:         `{"A": 1}`,
		`{"x": "{A}"}`:     `{"x": "1"}`,
		"{A,B}":            "{A,B}",
		"{1A}":             "{1A}",
		"{":                "{",
		"{A":               "{A",
		"{}":               "{}",
		"${":               "${",
		"é{A}é":            "é1é",
		"{A}{A}${A}{{A}}A": "11${A}{A}A",
	} {
		if got := template.Fill(text, known); got != want {
			t.Errorf("Fill(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	if got, want := template.Names("{A} ${B} {{C}} {D}{A} {e f}"), []string{"A", "D", "A"}; !slices.Equal(got, want) {
		t.Errorf("Names = %q, want %q", got, want)
	}
}

func FuzzFill(f *testing.F) {
	for _, s := range []string{"{A}", "{{A}}", "${A}", "{{{A}}}", "{", "{A", "é{A}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		same := template.Fill(text, func(string) (string, bool) { return "", false })
		if same != text {
			t.Errorf("Fill(%q) without names = %q", text, same)
		}
		gone := template.Fill(text, func(string) (string, bool) { return "", true })
		if len(gone) > len(text) {
			t.Errorf("Fill(%q) with empty values = %q", text, gone)
		}
		for _, name := range template.Names(text) {
			if !template.IsName(name) && len(name) <= 64 || !strings.Contains(text, "{"+name+"}") {
				t.Errorf("Names(%q) has %q", text, name)
			}
		}
	})
}
