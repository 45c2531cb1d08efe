package main

import (
	"cmp"
	"debug/buildinfo"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/pyimg/pyimg/sbom"
)

// modules returns what a program of Go was built from: its own module, Go's standard library, and each module that is linked in.
func modules(info *buildinfo.BuildInfo) (sbom.Document, error) {
	set := make(map[string]string)
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	created, err := time.Parse(time.RFC3339, set["vcs.time"])
	if err != nil {
		return sbom.Document{}, errors.New("the program does not say which commit it was built from; build it in a clone, with -buildvcs")
	}
	if info.Main.Path == "" {
		return sbom.Document{}, errors.New("the program names no module of its own")
	}
	d := sbom.Document{Name: path.Base(info.Main.Path), Platform: set["GOOS"] + "/" + set["GOARCH"], Created: created}
	standard := sbom.Component{Name: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go"), License: "BSD-3-Clause"}
	standard.PURL = goURL("stdlib", standard.Version)
	program := module(info.Main.Path, info.Main.Version, "")
	program.Kind, program.Source = sbom.Application, "commit "+set["vcs.revision"]
	program.Contains = []string{standard.Ref()}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := module(m.Path, m.Version, m.Sum)
		program.Contains = append(program.Contains, c.Ref())
		d.Components = append(d.Components, c)
	}
	d.Components = append(d.Components, standard, program)
	return d, nil
}

func module(name, version, sum string) sbom.Component {
	c := sbom.Component{Name: name, Version: cmp.Or(version, "(devel)")}
	c.PURL = goURL(name, c.Version)
	if sum != "" {
		c.Details = map[string]string{"go:sum": sum}
	}
	return c
}

// goURL is the package URL of a module. See the purl type "golang".
func goURL(name, version string) string {
	folder, last := path.Split(name)
	return sbom.PURL{Type: "golang", Namespace: strings.TrimSuffix(folder, "/"), Name: last, Version: version}.String()
}
