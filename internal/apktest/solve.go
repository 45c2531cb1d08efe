package apktest

import (
	"crypto/sha1"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
)

// Offers makes an index of the packages in lines, one a line: "NAME=VERSION | D:depends | p:provides | ...". The
// letters are those of an APKINDEX. Equal lines are the same package.
func Offers(t testing.TB, tag, lines string) *apk.Index {
	t.Helper()
	var ps []*apk.Package
	for line := range strings.Lines(lines) {
		fields := strings.Split(strings.TrimSpace(line), " | ")
		if fields[0] == "" {
			continue
		}
		p := &apk.Package{InstalledSize: 1, Checksum: sha1.Sum([]byte(line))}
		p.Name, p.Version, _ = strings.Cut(fields[0], "=")
		for _, field := range fields[1:] {
			if err := p.SetField(field[0], field[2:]); err != nil {
				t.Fatal(err)
			}
		}
		ps = append(ps, p)
	}
	return IndexOf(t, &apk.Repository{Tag: tag}, "", ps)
}

// IndexOf makes an index of packages.
func IndexOf(t testing.TB, r *apk.Repository, arch string, ps []*apk.Package) *apk.Index {
	t.Helper()
	x, err := apk.NewIndex(r, arch, slices.Values(ps))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// SolutionText lists the packages of a solution as NAME=VERSION.
func SolutionText(s solve.Solution) string {
	words := make([]string, len(s.Packages))
	for i, p := range s.Packages {
		words[i] = p.Name + "=" + p.Version
	}
	return strings.Join(words, " ")
}

// World parses the entries of a world.
func World(t testing.TB, s string) []apk.Dependency {
	t.Helper()
	var ds []apk.Dependency
	for _, word := range strings.Fields(s) {
		d, err := apk.ParseDependency(word)
		if err != nil {
			t.Fatal(err)
		}
		ds = append(ds, d)
	}
	return ds
}

// CaseLines returns the lines of a file without comments and empty lines.
func CaseLines(t testing.TB, file string) func(func(string) bool) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(string) bool) {
		for line := range strings.Lines(string(data)) {
			line = strings.TrimRight(line, "\n")
			if line != "" && !strings.HasPrefix(line, "#") && !yield(line) {
				return
			}
		}
	}
}

// IndexText is the text of an index of what Offers reads.
func IndexText(t testing.TB, lines string) string {
	t.Helper()
	var b strings.Builder
	for p := range Offers(t, "", lines).Packages() {
		fmt.Fprintf(&b, "C:%s\nP:%s\nV:%s\nA:x86_64\nI:1\nk:%d\n", p.Checksum, p.Name, p.Version, p.ProviderPriority)
		for i, ds := range [][]apk.Dependency{p.Depends, p.Provides, p.InstallIf} {
			words := make([]string, len(ds))
			for i, d := range ds {
				words[i] = d.String()
			}
			fmt.Fprintf(&b, "%c:%s\n", "Dpi"[i], strings.Join(words, " "))
		}
		b.WriteString("\n")
	}
	return b.String()
}
