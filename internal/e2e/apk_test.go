package e2e_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// A rawAPK is a package cut into its gzip streams, read without the product's
// code.
type rawAPK struct{ signature, control, data []byte }

func readAPK(t testing.TB, path string) rawAPK {
	t.Helper()
	streams := splitGzip(t, []byte(readFile(t, path)))
	if len(streams) < 3 {
		t.Fatalf("%s has %d gzip streams, want signature, control and data", path, len(streams))
	}
	return rawAPK{streams[0], streams[1], bytes.Join(streams[2:], nil)}
}

// splitGzip cuts concatenated gzip members apart.
func splitGzip(t testing.TB, b []byte) [][]byte {
	t.Helper()
	var streams [][]byte
	// Through its io.ByteReader gzip reads no byte too many, so that what is
	// left of the source tells where a member ends.
	source := bytes.NewReader(b)
	r, err := gzip.NewReader(source)
	for start := 0; !errors.Is(err, io.EOF); err = r.Reset(source) {
		if err != nil {
			t.Fatal(err)
		}
		r.Multistream(false)
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		end := len(b) - source.Len()
		streams = append(streams, b[start:end])
		start = end
	}
	return streams
}

func (a rawAPK) dataDigest() string {
	sum := sha256.Sum256(a.data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// info reads one field of .PKGINFO.
func (a rawAPK) info(t testing.TB, field string) string {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(tarMember(t, a.control, ".PKGINFO")))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), field+" = "); ok {
			return value
		}
	}
	return ""
}

func (a rawAPK) file(t testing.TB, name string) string { return tarMember(t, a.data, name) }

// tarMember reads one file of a gzip'ed tar, which may lack its end as apk's
// signature and control do.
func tarMember(t testing.TB, gz []byte, name string) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(gz))
	if err != nil {
		t.Fatal(err)
	}
	for tarball := tar.NewReader(r); ; {
		h, err := tarball.Next()
		if err != nil {
			t.Fatalf("looking for %s: %v", name, err)
		}
		if h.Name == name {
			b, err := io.ReadAll(tarball)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
}

// packageFile is where a mirror keeps name=version.
func (s shared) packageFile(p platform, nameVersion string) string {
	return filepath.Join(s.mainRepo(), p.alpine, strings.Replace(nameVersion, "=", "-", 1)+".apk")
}
