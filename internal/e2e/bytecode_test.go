package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBytecode compiles the modules of a real Python, on each platform alone and as an ordinary user: the layer that all
// platforms share is the same, and Python reads it.
func TestBytecode(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	dir := openDir(t)
	together := bytecodeLayers(t, pyimg(t), dir, "together.lock", "lock", s.pythonSpec(t), "--bytecode", "unchecked", "--cache-dir", t.TempDir())
	shared := together["linux/amd64 bytecode"]
	if shared == "" || shared != together["linux/arm64 bytecode"] {
		t.Errorf("the layers of bytecode are %v, want one for both platforms", together)
	}
	t.Run("arm64 alone", func(t *testing.T) {
		p := twoPlatforms()[1]
		needRunnable(t, p)
		alone := bytecodeLayers(t, pyimg(t), dir, "alone.lock", "lock", s.pythonSpec(t), "--bytecode", "unchecked", "--platform", p.oci, "--cache-dir", t.TempDir())
		if alone[p.oci+" bytecode"] != shared {
			t.Errorf("compiled on %s the layers are %v, want %s among them", p.oci, alone, shared)
		}
	})
	t.Run("as nobody", func(t *testing.T) {
		needRoot(t)
		needTools(t, "setpriv", "unshare")
		nobody := asNobody(t, dir)
		cache := filepath.Join(dir, "home", "cache")
		got := bytecodeLayers(t, nobody, filepath.Join(dir, "home"), "nobody.lock", "lock", s.pythonSpec(t), "--bytecode", "unchecked", "--cache-dir", cache)
		if got["linux/amd64 bytecode"] != shared {
			t.Errorf("compiled by nobody the layers are %v, want %s among them", got, shared)
		}
	})
	layout := layoutDir(filepath.Join(dir, "layout"))
	cache := t.TempDir()
	p := twoPlatforms()[0]
	pyimg(t).must(t, "assemble", s.pythonSpec(t), "--bytecode", "unchecked", "--platform", p.oci, "--cache-dir", cache, "--output", layout.output())
	needRunnable(t, p)
	out := pyimg(t).must(t, "run", "--read-only", "--cache-dir", cache, "--platform", p.oci, layout.ref(), "python3", "-v", "-c", "import json")
	if strings.Contains(out, "wrote") {
		t.Errorf("Python compiled modules: %s", out)
	}
	out = pyimg(t).must(t, "run", "--read-only", "--cache-dir", cache, "--platform", p.oci, layout.ref(), "python3", "-c",
		"import json, os; print(os.path.exists(json.__cached__))")
	if out != "True\n" {
		t.Errorf("json has bytecode: %q", out)
	}
}

// bytecodeLayers locks an image and returns the digests of its layers of bytecode, by platform and name.
func bytecodeLayers(t *testing.T, pyimg command, dir, name string, args ...string) map[string]string {
	t.Helper()
	file := filepath.Join(dir, name)
	pyimg.must(t, append(args, "--lock", file)...)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Platforms []struct {
			Platform string
			Layers   []struct{ From, Digest string }
		}
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, p := range lock.Platforms {
		for _, l := range p.Layers {
			if strings.HasPrefix(l.From, "bytecode") {
				found[p.Platform+" "+l.From] = l.Digest
			}
		}
	}
	return found
}
