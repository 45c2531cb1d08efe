package standalone_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/standalone"
)

const triple = "x86_64-unknown-linux-musl"

// sums lists files of a release, each with a digest of its own.
func sums(names ...string) []byte {
	var b strings.Builder
	for i, n := range names {
		b.WriteString(strings.Repeat(string(rune('a'+i)), 64) + "  " + n + "\n")
	}
	return []byte(b.String())
}

func TestChoose(t *testing.T) {
	t.Parallel()
	list := sums(
		"cpython-3.13.9+20251120-x86_64-unknown-linux-musl-install_only.tar.gz",
		"cpython-3.13.9+20251120-x86_64-unknown-linux-musl-install_only_stripped.tar.gz",
		"cpython-3.13.10+20251120-x86_64-unknown-linux-musl-install_only_stripped.tar.gz",
		"cpython-3.13.11+20251120-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
		"cpython-3.13.12+20251120-x86_64_v3-unknown-linux-musl-install_only_stripped.tar.gz",
		"cpython-3.14.0+20251120-x86_64-unknown-linux-musl-freethreaded-install_only.tar.gz",
		"cpython-3.15.0a2+20251120-x86_64-unknown-linux-musl-install_only_stripped.tar.gz")
	for ask, want := range map[string]string{
		"3.13": "cpython-3.13.10+", "3.13.9": "cpython-3.13.9+", "3.14t": "cpython-3.14.0+20251120-x86_64-unknown-linux-musl-freethreaded-install_only.tar.gz",
		"3.14": "", "3.15": "", "3.1": "",
	} {
		r, err := standalone.Parse(ask)
		if err != nil {
			t.Fatal(err)
		}
		file, sum, err := r.Choose(list, "20251120", triple)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "3.13.10") {
				t.Errorf("Choose(%s) = %s, %v, want an error with what there is", ask, file, err)
			}
			continue
		}
		if err != nil || !strings.HasPrefix(file, want) || len(sum) != 64 || !strings.Contains(string(list), sum+"  "+file) {
			t.Errorf("Choose(%s) = %s, %s, %v, want %s...", ask, file, sum, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "expected standalone:VERSION", "3": "expected", "2.7": "expected", "3.13@latest": "expected", "3.13@../x": "expected",
		"3.13@20250101": "load no extension modules", "3.12@20250401": "EXT_SUFFIX",
	} {
		if _, err := standalone.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want an error with %q", text, err, want)
		}
	}
}

func TestLatest(t *testing.T) {
	t.Parallel()
	if tag, err := standalone.Latest([]byte(`{"version": 1, "tag": "20251120", "asset_url_prefix": "https://example.com"}`)); tag != "20251120" || err != nil {
		t.Errorf("Latest = %q, %v", tag, err)
	}
	for _, raw := range []string{"", "{}", `{"tag": "../../etc"}`, `{"tag": 1}`} {
		if tag, err := standalone.Latest([]byte(raw)); err == nil {
			t.Errorf("Latest(%q) = %q, want an error", raw, tag)
		}
	}
}

// FuzzChoose: whatever a mirror lists, what is chosen is a plain file name with a digest.
func FuzzChoose(f *testing.F) {
	f.Add(sums("cpython-3.13.9+20251120-x86_64-unknown-linux-musl-install_only.tar.gz"), "3.13")
	f.Add([]byte("x\n  \n"+strings.Repeat("0", 64)+" *cpython-3.13.999999999999999999999+20251120-"+triple+"-install_only.tar.gz"), "3.13.1")
	f.Fuzz(func(t *testing.T, list []byte, ask string) {
		r, err := standalone.Parse(ask)
		if err != nil {
			return
		}
		file, sum, err := r.Choose(list, "20251120", triple)
		if err == nil && (len(sum) != 64 || strings.ContainsAny(file, "/\\\n ") || !strings.HasPrefix(file, "cpython-3.")) {
			t.Errorf("Choose = %q, %q", file, sum)
		}
	})
}
