package wheel_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// large is a wheel of 300 modules, some MB of text.
func large() wheeltest.Wheel {
	made := wheeltest.Wheel{Name: "large"}
	for i := range 300 {
		var text strings.Builder
		for j := range 400 {
			fmt.Fprintf(&text, "def function_%d(argument):\n    return argument * %d + %d\n", j*7919%1000, i*j, j*104729%977)
		}
		made.Files = append(made.Files, wheeltest.File{Name: fmt.Sprintf("large/m%d.py", i), Data: text.String()})
	}
	return made
}

// BenchmarkVerify opens and verifies a wheel. BenchmarkInflate is what nobody can
// do without: inflating and hashing the same bytes.
func BenchmarkVerify(b *testing.B) {
	made := large()
	data := made.Bytes()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), made.Filename())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Verify(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	made := large()
	data := made.Bytes()
	w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), made.Filename())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	sum, f := sha256.New(), flate.NewReader(nil)
	for b.Loop() {
		for _, m := range w.Archive.Members {
			if err := f.(flate.Resetter).Reset(w.Archive.Raw(m), nil); err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(sum, f); err != nil {
				b.Fatal(err)
			}
		}
	}
}
