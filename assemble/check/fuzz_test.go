package check_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// FuzzCheck feeds the checks a layer of any bytes over the base, and any environment, user and command.
func FuzzCheck(f *testing.F) {
	add := func(env, user, command string, files ...fixture.File) {
		f.Add(fixture.Tarball{Files: files, Verbatim: true, Compression: "none"}.Bytes(), env, user, command)
	}
	add("LD_PRELOAD=/usr/lib/libjemalloc.so.2 x:y", "app:extra", "python3", append(python(12), run("usr/lib/libjemalloc.so.2", jemalloc(16)))...)
	add("PYTHONHOME=/usr", "1000:", "start", script("usr/bin/start", "#!/usr/bin/env -S A=1 start\n"), link("lib", "usr/lib"))
	add("PATH=:.:/bin", ":", "/x", text(".wh.etc", ""), text("etc/.wh..wh..opq", ""), text("../x", ""), text("etc/ld.so.conf", "/opt\n"))
	add("LD_LIBRARY_PATH=::/", "", "", run("x", withELF(program("$ORIGIN/../y", "libc.so"), func(e *fixture.ELF) { e.RPath = "$ORIGIN:$X" })))
	add("PYTHONPATH=/app:x PYTHONHOME=", "-1:2147483648", "env -i A=1 -S -uX python3 -Im shop.cli", coreutils(), run("usr/bin/python3", program()),
		text("usr/lib/python3.13/os.py", ""), text("usr/lib/python3.13/encodings/__init__.py", ""),
		text("usr/lib/python3.13/site-packages/x.pth", "/app\nimport y\n"), text("app/shop/cli.py", ""), text("usr/pyvenv.cfg", "home = /x\n"))
	add("TZ=:Europe/Berlin", "app", "tini -p x -- su-exec app:x start /x", run("sbin/tini", program()), run("sbin/su-exec", program()),
		script("usr/bin/start", "#!/usr/bin/env -S -C/x A=1 PATH=/:x:/bin sh -e -o x /y\n"), link("usr/bin/env", "/bin/busybox"))
	const site = "usr/lib/python3.13/site-packages/"
	add("", "", "x", text(site+"x-1.dist-info/METADATA", "Name: x\nVersion: 1\nRequires-Dist: y[z]>=2; python_version>'3'\n"),
		text(site+"x-1.dist-info/entry_points.txt", "[console_scripts]\nx = a.b:c [d]\n"), script("usr/bin/x", "#!/usr/bin/python3\n"), text("usr/lib/python3.13/os.py", ""))
	f.Fuzz(func(t *testing.T, raw []byte, env, user, command string) {
		store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.FactsOf(t.Context(), layers.Source{Name: "x", Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(raw)),
			Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }})
		if err != nil {
			return
		}
		tree, odd, err := tree.NewImage([]tree.Layer{survey(t, "base", base()), {Name: "x", Entries: s.Entries()}})
		if err != nil {
			t.Fatalf("NewImage of a layer that was surveyed: %v", err)
		}
		c := cmd(strings.Fields(command)...)
		c.User, c.WorkingDir, c.Env = user, command, strings.Split(env, " ")
		for _, found := range check.Check(check.Image{Platform: "linux/amd64", Machine: elf.EM_X86_64, Bits: 64, Config: c, Tree: tree, Oddities: odd}) {
			if found.Msg == "" || found.Check == "" {
				t.Errorf("Check found %+v, which says nothing", found)
			}
		}
	})
}
