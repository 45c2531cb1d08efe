package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/fixture"
)

func TestCheckPackage(t *testing.T) {
	t.Parallel()
	program := []byte("the program")
	files := func(names ...string) []fixture.File {
		var all []fixture.File
		for _, name := range names {
			all = append(all, fixture.File{Path: name, Body: program})
		}
		return all
	}
	for name, c := range map[string]struct {
		change  func(p *fixture.Package)
		program string
		damage  bool
		want    string
	}{
		"it is right":              {},
		"a version of GoReleaser":  {change: func(p *fixture.Package) { p.Version = "1.2.3-snapshot" }, want: "which apk does not know"},
		"another program":          {program: "another", want: "another program"},
		"a file is missing":        {change: func(p *fixture.Package) { p.Files = files(packaged()[:3]...) }, want: "there is no file"},
		"another hash of the data": {change: func(p *fixture.Package) { p.DataHash = strings.Repeat("0", 64) }, want: "expected"},
		"it is cut off":            {damage: true, want: "the checksum of its data"},
	} {
		p := fixture.Package{Name: "pyimg", Version: "1.2.3", Arch: "x86_64", Files: files(packaged()...)}
		if c.change != nil {
			c.change(&p)
		}
		built, err := p.Build()
		if err != nil {
			t.Fatal(err)
		}
		data := built.Bytes()
		if c.damage {
			data = data[:len(data)-40]
		}
		want := program
		if c.program != "" {
			want = []byte(c.program)
		}
		info, err := checkPackage(bytes.NewReader(data), "pyimg.apk", want)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
		if c.want == "" && (info.Name != "pyimg" || info.Arch != "x86_64") {
			t.Errorf("%s: it is %s %s", name, info.Name, info.Arch)
		}
	}
}
