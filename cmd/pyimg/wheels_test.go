package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/sigstore"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/repository"
)

// putWheels puts wheels, and a runtime with a distribution of its own, where the stories find them.
func putWheels(m *fixture.Mirror) {
	put := func(dir string, w wheeltest.Wheel) { m.Put(dir+"/"+w.Filename(), w.Bytes()) }
	module := func(name string) []wheeltest.File {
		return []wheeltest.File{{Name: name + "/__init__.py", Data: "value = 1\n"}}
	}
	put("wheels", wheeltest.Wheel{Name: "app", Files: module("app"), Metadata: "Requires-Dist: dep>=1\n", EntryPoints: "[console_scripts]\napp = app:main\n"})
	put("wheels", wheeltest.Wheel{Name: "dep", Version: "1.2", Files: append(module("dep"),
		wheeltest.File{Name: "dep/large.txt", Data: strings.Repeat("many words, of which each is as good as any other\n", 20_000)})})
	for _, arch := range []string{"x86_64", "aarch64"} {
		native := func(name, needs string) wheeltest.Wheel {
			file := name + "/_native.cpython-313-" + arch + "-linux-musl.so"
			return wheeltest.Wheel{Name: name, Tag: "cp313-cp313-musllinux_1_2_" + arch,
				Files: append(module(name), wheeltest.File{Name: file, Data: string(fixture.Library(arch, "", needs).Bytes()), Mode: 0o755})}
		}
		put("wheels", native("native", "libsqlite3.so.0"))
		put("badwheels", native("lacking", "libnowhere.so.9"))
		put("badwheels", native("glibc", "libc.so.6"))
	}
	put("badwheels", wheeltest.Wheel{Name: "forged", Files: module("forged"), Replace: map[string]string{
		"RECORD": "forged/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,10\nforged-1.0.dist-info/METADATA,,\nforged-1.0.dist-info/WHEEL,,\nforged-1.0.dist-info/RECORD,,\n"}})
	put("badwheels", wheeltest.Wheel{Name: "old", Metadata: "Requires-Python: <3.10\n", Files: module("old")})
	put("badwheels", wheeltest.Wheel{Name: "clash", Files: []wheeltest.File{{Name: "dep/__init__.py", Data: "value = 2\n"}}})
	put("badwheels", wheeltest.Wheel{Name: "greedy", Files: []wheeltest.File{{Name: "greedy-1.0.data/data/bin/python3.13", Data: "mine"}}})
	put("wheels", wheeltest.Wheel{Name: "stub", Files: []wheeltest.File{{Name: "stub/data.bin", Data: "\x7fELF of sorts"}}})
	put("badwheels", wheeltest.Wheel{Name: "windows", Tag: "cp313-cp313-win_amd64", Files: module("windows")})
	put("wheels", wheeltest.Wheel{Name: "tool", Version: "2.0", Files: []wheeltest.File{{Name: "tool/new.py", Data: "new\n"}}})
	putSdists(m)
	const site = "usr/local/lib/python3.13/site-packages/"
	m.Put("runtimes/oldtool.tar.gz", fixture.Tarball{Files: []fixture.File{
		{Path: site + "tool/old.py", Body: []byte("old\n")},
		{Path: site + "tool/__pycache__/old.cpython-313.opt-2.pyc", Body: []byte("compiled")},
		{Path: site + "tool-1.0.dist-info/METADATA", Body: []byte("Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n")},
		{Path: site + "tool-1.0.dist-info/RECORD", Body: []byte("tool/old.py,,\r\ntool-1.0.dist-info/METADATA,,\r\ntool-1.0.dist-info/RECORD,,\r\n")},
		{Path: site + "kept/__init__.py", Body: []byte("kept\n")},
	}}.Bytes())
}

// putPythonPackages puts a repository of Alpine's own Python packages there, and wheels that do not go with them.
func putPythonPackages(m *fixture.Mirror) error {
	certs, err := fixture.Package{Name: "py3-certs", Version: "1.0-r0", Arch: "noarch", Files: []fixture.File{
		{Path: "usr/lib/python3.12/site-packages/certs/__init__.py", Body: []byte("value = 1\n")},
		{Path: "usr/lib/python3.12/site-packages/certs-1.0-py3.12.egg-info/PKG-INFO", Body: []byte("Name: certs\n")},
	}}.Build()
	if err != nil {
		return err
	}
	pydoc := wheeltest.Wheel{Name: "pydoc", Files: []wheeltest.File{{Name: "pydoc_app.py", Data: "value = 1\n"}}, EntryPoints: "[console_scripts]\npydoc3 = pydoc_app:main\n"}
	m.Put("badwheels/"+pydoc.Filename(), pydoc.Bytes())
	newer := wheeltest.Wheel{Name: "certs", Version: "9.0", Files: []wheeltest.File{{Name: "certs/new.py", Data: "value = 9\n"}}}
	m.Put("badwheels/"+newer.Filename(), newer.Bytes())
	return m.Publish("python", fixture.Index{Arch: "x86_64", Archives: []*fixture.Archive{certs}})
}

// putSdists puts source archives: app needs tool to be built, and tool needs dep, of which there is a wheel; stuck needs what nobody has.
func putSdists(m *fixture.Mirror) {
	for name, requires := range map[string]string{"app-2.0": `"tool>=1", "dep"`, "tool-1.5": `"dep"`, "stuck-1.0": `"no-such-package"`} {
		project, version, _ := strings.Cut(name, "-")
		m.Put("sdists/"+name+".tar.gz", fixture.Tarball{Verbatim: true, Files: []fixture.File{
			{Path: name + "/PKG-INFO", Body: []byte("Metadata-Version: 2.1\nName: " + project + "\nVersion: " + version + "\n")},
			{Path: name + "/pyproject.toml", Body: []byte("[build-system]\nrequires = [" + requires + "]\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n")},
		}}.Bytes())
	}
}

// putIndexes puts indexes of wheels there, as builds write them: one, an older form of it, another one, all signed with one key, and one
// that another key signed.
func putIndexes(t *testing.T, m *fixture.Mirror) {
	t.Helper()
	key, err := sigstore.Generate()
	if err != nil {
		t.Fatal(err)
	}
	forger, err := sigstore.Generate()
	if err != nil {
		t.Fatal(err)
	}
	m.Put("index.pub", key.Public().Encode())
	wheel := func(name, version string) wheeltest.Wheel {
		return wheeltest.Wheel{Name: name, Version: version, Files: []wheeltest.File{{Name: name + ".py", Data: "value = " + version + "\n"}}}
	}
	old := []wheeltest.Wheel{wheel("shelf", "1.0")}
	putIndex(t, m, "indexold", key, old)
	putIndex(t, m, "index", key, append(old, wheel("shelf", "2.0"), wheel("other", "1.0")))
	for name, data := range putIndex(t, m, "indexagain", key, append(old, wheel("shelf", "2.0"), wheel("other", "1.0"))) {
		if strings.HasSuffix(name, ".whl") { // its manifest names other bytes
			data = append(data[:len(data):len(data)], 0)
		}
		m.Put("indexdamaged/"+name, data)
	}
	putIndex(t, m, "indexother", key, []wheeltest.Wheel{wheel("shelf", "3.0")})
	putIndex(t, m, "indexforged", forger, append(old, wheel("shelf", "9.0")))
}

// putIndex puts an index there, and returns its files by name.
func putIndex(t *testing.T, m *fixture.Mirror, name string, key sigstore.PrivateKey, wheels []wheeltest.Wheel) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	index := repository.Open(filepath.Join(dir, "index"))
	for _, w := range wheels {
		file := filepath.Join(dir, w.Filename())
		if err := os.WriteFile(file, w.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := index.Add(file, repository.Record{File: w.Filename(), Keys: []string{w.Name + w.Version}, Sdist: repository.Locked{Name: w.Name, Version: w.Version}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := index.Publish(key.SignFile); err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	err := fs.WalkDir(os.DirFS(index.Dir()), ".", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(at, ".") {
			return err
		}
		data, err := os.ReadFile(filepath.Join(index.Dir(), filepath.FromSlash(at)))
		files[at] = data
		m.Put(name+"/"+at, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
