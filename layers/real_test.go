package layers_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

// dataStream splits an apk into its third gzip stream and the datahash that its second one names.
func dataStream(t testing.TB, apk []byte) (data []byte, datahash string) {
	t.Helper()
	raw := bytes.NewReader(apk)
	r := bufio.NewReader(raw)
	z := new(gzip.Reader)
	var control []byte
	for range 2 {
		if err := z.Reset(r); err != nil {
			t.Fatal(err)
		}
		z.Multistream(false)
		var err error
		if control, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	data = apk[len(apk)-raw.Len()-r.Buffered():]
	if m := regexp.MustCompile(`(?m)^datahash = ([0-9a-f]{64})$`).FindSubmatch(control); m != nil {
		datahash = "sha256:" + string(m[1])
	}
	return data, datahash
}

func TestIngestAlpinePackages(t *testing.T) {
	t.Parallel()
	apks, _ := filepath.Glob(filepath.Join(shared(t, "alpine-mirror"), "v3.20/main/*/*.apk"))
	if len(apks) == 0 {
		t.Fatal("the mirror holds no packages")
	}
	s := openStore(t)
	for _, name := range apks {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data, datahash := dataStream(t, raw)
		b, err := s.Ingest(t.Context(), known(source(name, data), datahash))
		if err != nil {
			t.Error(err)
			continue
		}
		if b.Digest != datahash || b.Size != int64(len(data)) {
			t.Errorf("Ingest(%s) = %+v, want digest %s", name, b, datahash)
		}
		if faults, err := s.Faults(b.Digest); err != nil || len(faults) > 0 {
			t.Errorf("Faults(%s) = %v, %v, want none", name, faults, err)
		}
		for _, e := range entries(t, s, b.Digest) {
			if e.Header.Typeflag == tar.TypeReg && len(e.Header.PAXRecords["APK-TOOLS.checksum.SHA1"]) != 40 {
				t.Errorf("%s: %q has no checksum: %v", name, e.Header.Name, e.Header.PAXRecords)
			}
			if e.ELF != nil && e.ELF.Err != "" {
				t.Errorf("%s: ELF(%q): %s", name, e.Header.Name, e.ELF.Err)
			}
		}
	}
}

func TestIngestRuntimes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, path string
		malloc        bool
	}{
		{"cpython-*-x86_64-*-optimized.tar.gz", "", false},
		{"jemalloc-*-x86_64-*.tar.gz", "libjemalloc.so.2", true},
		{"jemalloc-*-aarch64-*.tar.gz", "libjemalloc.so.2", true},
	} {
		names, _ := filepath.Glob(filepath.Join(shared(t, "runtimes"), test.pattern))
		if len(names) == 0 {
			t.Errorf("no runtime %s", test.pattern)
			continue
		}
		raw, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(t)
		b := ingest(t, s, raw)
		faults, err := s.Faults(b.Digest)
		t.Log(names[0], b, len(entries(t, s, b.Digest)), faults, err)
		found := test.path == ""
		for _, e := range entries(t, s, b.Digest) {
			if e.ELF != nil && e.ELF.Err != "" {
				t.Errorf("ELF(%q): %s", e.Header.Name, e.ELF.Err)
			}
			if filepath.Base(e.Path()) == test.path && e.ELF != nil {
				found = found || e.ELF.Malloc == test.malloc
				t.Logf("%+v", e.ELF)
			}
		}
		if !found {
			t.Errorf("%s: no %q that exports malloc: %v", names[0], test.path, test.malloc)
		}
	}
	_ = layers.Blob{}
}
