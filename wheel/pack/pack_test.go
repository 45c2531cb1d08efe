package pack_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/pack"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

func open(t *testing.T, data []byte, name string) *wheel.Wheel {
	t.Helper()
	w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func musl(platform string) string {
	if platform == "linux_x86_64" {
		return "musllinux_1_2_x86_64"
	}
	return platform
}

// packed writes a wheel and opens the result, whose bytes it returns, too.
func packed(t *testing.T, w wheeltest.Wheel) (*wheel.Wheel, []byte) {
	t.Helper()
	from := open(t, w.Bytes(), w.Filename())
	var out bytes.Buffer
	if err := pack.Write(t.Context(), &out, from, musl); err != nil {
		t.Fatal(err)
	}
	again := open(t, out.Bytes(), pack.Filename(from, musl))
	if _, err := again.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	return again, out.Bytes()
}

func TestWriteRenamesThePlatform(t *testing.T) {
	t.Parallel()
	w, _ := packed(t, wheeltest.Wheel{Name: "foo", Tag: "cp313-cp313-linux_x86_64", Files: []wheeltest.File{{Name: "foo.so", Data: "\x7fELF", Mode: 0o700}}})
	if w.Filename.Text != "foo-1.0-cp313-cp313-musllinux_1_2_x86_64.whl" || !slices.Equal(w.Info.Tags, []string{"cp313-cp313-musllinux_1_2_x86_64"}) {
		t.Errorf("%s with the tags %q", w.Filename.Text, w.Info.Tags)
	}
	if m := w.Archive.Members[0]; m.Name != "foo.so" || !m.Executable() || m.Unix&0o777 != 0o755 {
		t.Errorf("the first member is %+v", m)
	}
}

func TestBytesDependOnTheFilesAlone(t *testing.T) {
	t.Parallel()
	files := []wheeltest.File{{Name: "b.py", Data: "b"}, {Name: "a/x", Data: strings.Repeat("x", 9999), Mode: 0o755}, {Name: "a/", Mode: fs.ModeDir | 0o755}}
	_, one := packed(t, wheeltest.Wheel{Name: "foo", Files: files})
	slices.Reverse(files)
	files[2].Mode = 0o600
	_, two := packed(t, wheeltest.Wheel{Name: "foo", Files: files})
	if !bytes.Equal(one, two) {
		t.Error("the order of the members and needless bits of their modes change the wheel")
	}
	// Another value: raise versions.Wheel.
	sum := sha256.Sum256(one)
	if got, want := hex.EncodeToString(sum[:]), golden; got != want {
		t.Errorf("the wheel has the digest %s, want %s: with another one, raise versions.Wheel", got, want)
	}
	w, again := packed(t, wheeltest.Wheel{Name: "foo", Files: files})
	var third bytes.Buffer
	if err := pack.Write(t.Context(), &third, w, musl); err != nil || !bytes.Equal(third.Bytes(), again) {
		t.Errorf("packing what is packed changes it (%v)", err)
	}
	if last := w.Archive.Members[len(w.Archive.Members)-1].Name; last != "foo-1.0.dist-info/RECORD" {
		t.Errorf("the last member is %s", last)
	}
}

const golden = "b457d8ace9f7d5d9ee894eeb6834539eb7e3f0fd4cd47781887532d825ae853b"

func TestWriteRefusesWhatRecordDoesNotSay(t *testing.T) {
	t.Parallel()
	w := wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{{Name: "a.py", Data: "a"}}, Replace: map[string]string{"RECORD": "a.py,sha256=" + strings.Repeat("A", 43) + ",1\n"}}
	from := open(t, w.Bytes(), w.Filename())
	if err := pack.Write(t.Context(), new(bytes.Buffer), from, musl); err == nil {
		t.Error("no error")
	}
}
