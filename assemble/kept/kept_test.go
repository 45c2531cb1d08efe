package kept_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/layers"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	const installed = "usr/lib/apk/db/installed"
	want := map[string]bool{
		"etc/passwd": true, "etc/group": true, "etc/shadow": true, "etc/os-release": true, "usr/lib/os-release": true,
		"etc/busybox-paths.d/busybox": true, "etc/ld-musl-x86_64.path": true, "etc/ld.so.conf": true, "etc/ld.so.conf.d/x.conf": true,
		"usr/local/lib/python3.13/_sysconfigdata__linux_x86_64-linux-musl.py": true, "lib/python3.13/x/_sysconfigdata_.py": true,
		"usr/include/python3.12/patchlevel.h": true, "opt/venv/pyvenv.cfg": true, "pyvenv.cfg": true,
		"usr/lib/python3.12/site-packages/x.pth": true, "lib/apk/db/installed": true, installed: true,
		"python/lib/python3.13/_sysconfigdata__linux_x86_64-linux-musl.py": true, "usr/share/_sysconfigdata.py": false, "patchlevel.h": false,
		"usr/etc/passwd": false, "usr/lib/_sysconfigdata_x.py": false, "usr/lib/python3.12/x.pth": false, "usr/include/patchlevel.h": false,
		"etc/hosts": false, "usr/lib/apk/db/triggers": true, "usr/lib/apk/db/lock": false,
	}
	s, err := layers.OpenStore(t.TempDir(), kept.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	tw := tar.NewWriter(zw)
	for name := range want {
		body := []byte("x")
		if name == installed {
			body = make([]byte, 1<<20) // larger than any other file that is kept
		}
		if err := errors.Join(tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))}), second(tw.Write(body))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := s.Ingest(t.Context(), layers.Source{Name: "test", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range s.Entries(b.Digest) {
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Kept != nil; got != want[e.Path()] {
			t.Errorf("the content of %q is kept: %t, want %t", e.Path(), got, want[e.Path()])
		}
	}
}

func second(_ int, err error) error { return err }
