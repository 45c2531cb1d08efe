package debian_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/draft/debian"
)

func TestAlpine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want    string
		needed, known bool
	}{
		{"libpq5", "libpq", true, true},
		{"curl=8.1-1", "curl", true, true},
		{"libssl3:arm64", "libssl3 libcrypto3", true, true},
		{"libpq-dev", "", false, true},
		{"build-essential", "", false, true},
		{"python3-venv", "", false, true},
		{"cron", "", false, true},
		{"wkhtmltopdf", "", false, false},
	} {
		packages, needed, known := debian.Alpine(test.name)
		if got := strings.Join(packages, " "); got != test.want || needed != test.needed || known != test.known {
			t.Errorf("Alpine(%q) = %q, %t, %t, want %q, %t, %t", test.name, got, needed, known, test.want, test.needed, test.known)
		}
	}
	for name, want := range map[string]bool{"gcc": true, "libffi-dev": true, "libffi": false} {
		if got := debian.ForCompiling(name); got != want {
			t.Errorf("ForCompiling(%q) = %t", name, got)
		}
	}
}

// Most libraries have another name.
func Example() {
	packages, _, _ := debian.Alpine("libjpeg62-turbo")
	fmt.Println(packages)
	// Output: [libjpeg-turbo]
}
