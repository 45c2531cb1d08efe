package solve_test

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
)

func BenchmarkParseIndex(b *testing.B) {
	text := benchIndexText(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		err := apk.ParseIndex(bytes.NewReader(text), func(*apk.Package) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSolve takes the packages of a Python image from some 30,000 packages, the real
// index many times over under other names.
func BenchmarkSolve(b *testing.B) {
	text := benchIndexText(b)
	packages := slices.Collect(parseIndexText(b, bytes.NewReader(text), "x86_64").Packages())
	const want = 30_000
	for i := 0; len(packages) < want; i++ {
		p := *packages[i]
		p.Name += "-copy"
		p.Checksum[0] ^= 0xff
		p.Checksum[1] += byte(i / 5000)
		p.Provides = nil
		packages = append(packages, &p)
	}
	index := apktest.IndexOf(b, nil, "x86_64", packages)
	world := apktest.World(b, "alpine-baselayout busybox ca-certificates-bundle python3 nginx postgresql14")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := solve.Solve(world, []*apk.Index{index}, solve.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchIndexText(b *testing.B) []byte {
	b.Helper()
	text, err := io.ReadAll(indexText(b, apktest.Shared(b, "conformance/v3.16/main/x86_64/APKINDEX.tar.gz")))
	if err != nil {
		b.Fatal(err)
	}
	return text
}
