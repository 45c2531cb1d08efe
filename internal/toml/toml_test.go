package toml_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/toml"
)

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"a = [1, 2]\nb.c = \"x [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", ""},
		{"# " + strings.Repeat("[", 100), ""},
		{"a = ", "line 1"},
		{"a = 1\na = 2", "line 2"},
		{"a = " + strings.Repeat("[", 33), "more than 32 tables or arrays within each other"},
		{strings.Repeat("a.", 33) + "a = 1", "more than 32 tables or arrays within each other"},
	} {
		var into map[string]any
		err := toml.Unmarshal([]byte(test.text), &into)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("Unmarshal(%.40q): %v, want %q", test.text, err, test.want)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte("[project]\nname = 'x'\ndependencies = [\"a>1\"]"))
	f.Add([]byte("a = {b = [[1], [2]], 'c\\u0000' = 1.5}"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var into struct {
			Project map[string]any `toml:"project"`
			Tool    map[string]any `toml:"tool"`
		}
		_ = toml.Unmarshal(data, &into)
	})
}
