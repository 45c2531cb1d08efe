package supply_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/bundle/supply"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/version"
)

const sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

func list(t testing.TB) supply.List {
	t.Helper()
	v, err := version.Parse("1.0")
	if err != nil {
		t.Fatal(err)
	}
	name, err := tag.ParseFilename("dep-1.2-py3-none-any.whl")
	if err != nil {
		t.Fatal(err)
	}
	s := supply.Source{Name: "https://pypi.org/simple/", Served: true, Projects: []supply.Project{}}
	s.Add("dep", supply.WheelFile(index.File{File: source.File{Filename: name, Size: 5}}, ""))
	s.Add("dep", supply.WheelFile(index.File{File: source.File{Filename: name, Size: 5}}, sum))
	s.Add("dep", supply.WheelFile(index.File{File: source.File{Filename: name, Size: 5}}, ""))
	s.Add("app", supply.SdistFile(index.Sdist{File: "App_odd.tar.gz", Project: "app", Version: v, Size: 7, Hashes: source.Hashes{"sha256": sum}}, ""))
	return supply.List{Config: sum, Sources: []supply.Source{s}, Inputs: []supply.Input{{Name: "../req.txt", SHA256: sum, Kind: supply.Text}},
		Runtimes: []supply.Runtime{{URL: "x.tar.gz", SHA256: sum}}, Images: []supply.Image{{Ref: "ghcr.io/x/y:1", Platform: "linux/amd64", Digest: "sha256:" + sum}}}
}

func TestListIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	text, err := list(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	l, err := supply.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	dep, found, err := l.Sources[0].List(t.Context(), "Dep")
	if err != nil || !found || len(dep.Wheels) != 1 || dep.Wheels[0].Hashes["sha256"] != sum {
		t.Errorf("dep is %+v, %v, %v", dep, found, err)
	}
	app, found, err := l.Sources[0].List(t.Context(), "app")
	if err != nil || !found || len(app.Sdists) != 1 || app.Sdists[0].Version.String() != "1.0" || app.Sdists[0].File != "App_odd.tar.gz" {
		t.Errorf("app is %+v, %v, %v", app, found, err)
	}
	if _, found, err := l.Sources[0].List(t.Context(), "other"); found || err != nil {
		t.Errorf("it has a project that nobody added: %v, %v", found, err)
	}
	if in, ok := l.Input("../req.txt"); !ok || in.Path() != "builds/inputs/2cf24dba5fb0-req.txt" {
		t.Errorf("the input is %+v, %v", in, ok)
	}
	if digest, ok := l.Digest("ghcr.io/x/y:1", "linux/amd64"); !ok || digest != "sha256:"+sum {
		t.Errorf("the image is %q, %v", digest, ok)
	}
	if _, ok := l.Digest("ghcr.io/x/y:1", "linux/arm64"); ok {
		t.Error("the image is there for a platform that nobody added")
	}
}

func TestListsThatAreRefused(t *testing.T) {
	t.Parallel()
	good, err := list(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{`"version": 1`, `"version": 2`, "version is 2"},
		{`"config": "2c`, `"config": "zz`, "64 hexadecimal digits"},
		{`"kind": "text"`, `"kind": "device"`, "device"},
		{`dep-1.2-py3`, `dop-1.2-py3`, "wheel of"},
		{`"name": "dep"`, `"name": "dep/x"`, "dep/x"},
		{`App_odd.tar.gz`, `../App.tar.gz`, "no name of a source archive"},
		{`App_odd.tar.gz`, `App_odd.exe`, "no name of a source archive"},
		{`"version": "1.0"`, `"version": "one"`, "one"},
		{`"carried": true`, `"carried": true, "forced": true`, "unknown field"},
		{`"digest": "sha256:`, `"digest": "md5:`, "md5:"},
		{`"size": 7`, `"size": -7`, "negative"},
		{`"size": 7`, `"size":  7`, "another form"},
		{`"name": "app"`, `"name": "zap"`, "not in order"},
		{`{`, ``, "reading what builds need"},
	} {
		text := strings.Replace(string(good), c.from, c.to, 1)
		if text == string(good) {
			t.Fatalf("the list has no %q", c.from)
		}
		if _, err := supply.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v, want %q", c.to, c.from, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	good, err := list(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := supply.Parse(text)
		if err != nil {
			return
		}
		again, err := l.Encode()
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("what was read is not what is written: %v", err)
		}
		for _, s := range l.Sources {
			for _, p := range s.Projects {
				if _, found, err := s.List(t.Context(), p.Name); !found || err != nil {
					t.Errorf("listing %q: %v, %v", p.Name, found, err)
				}
			}
		}
	})
}
