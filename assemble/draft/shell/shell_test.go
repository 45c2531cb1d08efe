package shell_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/draft/shell"
)

func lookup(name string) (string, bool) { return "value", name == "SET" }

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		script string
		want   []shell.Command
	}{
		{"", nil},
		{"a 'b c' \"d\\\"$SET\" e\\ f", []shell.Command{{Words: []string{"a", "b c", `d"value`, "e f"}, Text: `a 'b c' "d\"$SET" e\ f`}}},
		{"a && b; c\nd # e && f", []shell.Command{
			{Words: []string{"a"}, Text: "a"}, {Words: []string{"b"}, Text: "b"}, {Words: []string{"c"}, Text: "c"}, {Words: []string{"d"}, Text: "d # e && f"}}},
		{"a >x 2>&1 && b", []shell.Command{{Words: []string{"a"}, Text: "a >x 2>&1"}, {Words: []string{"b"}, Text: "b"}}},
		{"a | b && c", []shell.Command{{Words: []string{"a", "b"}, Text: "a | b", Opaque: true}, {Words: []string{"c"}, Text: "c"}}},
		{"a $UNSET", []shell.Command{{Words: []string{"a", "$UNSET"}, Text: "a $UNSET", Unset: true}}},
		{"a $(b && c) d && e", []shell.Command{{Words: []string{"a", "$(b && c)", "d"}, Text: "a $(b && c) d", Opaque: true}, {Words: []string{"e"}, Text: "e"}}},
		{"if a; then b; fi; c", []shell.Command{{Words: []string{"if", "a", "then", "b", "fi", "c"}, Text: "if a; then b; fi; c", Opaque: true}}},
		{"a 'b", []shell.Command{{Words: []string{"a", "b"}, Text: "a 'b", Opaque: true}}},
		{"a ''", []shell.Command{{Words: []string{"a", ""}, Text: "a ''"}}},
	} {
		if diff := cmp.Diff(test.want, shell.Split(test.script, lookup)); diff != "" {
			t.Errorf("Split(%q) (-want +got):\n%s", test.script, diff)
		}
	}
}

// FuzzSplit: every word of the script that no quote, variable or comment holds is in some command, and nothing is lost in long ones.
func FuzzSplit(f *testing.F) {
	f.Add("a && b | c; d 'e' \"f$SET\" `g` $(h) <<i ${j:-k} (l)")
	f.Fuzz(func(t *testing.T, script string) {
		for _, c := range shell.Split(script, lookup) {
			if len(c.Words) == 0 && !c.Opaque {
				t.Errorf("Split(%q) has an empty command", script)
			}
			if strings.Contains(c.Text, "\n") {
				t.Errorf("Split(%q) has a text of several lines", script)
			}
		}
	})
}

// A command that only a shell understands is marked.
func Example() {
	for _, c := range shell.Split("apk add curl && curl https://example.com | tar x", nil) {
		fmt.Println(c.Opaque, c.Text)
	}
	// Output:
	// false apk add curl
	// true curl https://example.com | tar x
}
