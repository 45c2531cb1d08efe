package wheel_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

func open(made wheeltest.Wheel) (*wheel.Wheel, error) {
	data := made.Bytes()
	return wheel.Open(bytes.NewReader(data), int64(len(data)), made.Filename())
}

func verify(t *testing.T, made wheeltest.Wheel) ([]wheel.Sum, error) {
	t.Helper()
	w, err := open(made)
	if err != nil {
		return nil, err
	}
	return w.Verify(t.Context(), nil)
}

func ExampleOpen() {
	made := wheeltest.Wheel{Name: "demo", Files: []wheeltest.File{{Name: "demo.py", Data: "print('hello')\n"}}, Metadata: "Requires-Dist: other>=1\n"}
	data := made.Bytes()
	w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), "demo-1.0-py3-none-any.whl")
	if err != nil {
		fmt.Println(err)
		return
	}
	sums, err := w.Verify(context.Background(), nil)
	fmt.Println(w.Metadata.Name, w.Metadata.Version, w.Metadata.RequiresDist, len(sums), err)
	// Output: demo 1.0 [other>=1] 4 <nil>
}

func TestNamesMustAgree(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		made wheeltest.Wheel
		want string
	}{
		"right":           {wheeltest.Wheel{Name: "foo"}, ""},
		"normalised":      {wheeltest.Wheel{Name: "Foo_Bar", Replace: map[string]string{"METADATA": "Name: foo.bar\nVersion: 1\n"}}, ""},
		"METADATA name":   {wheeltest.Wheel{Name: "foo", Replace: map[string]string{"METADATA": "Name: bar\nVersion: 1.0\n"}}, "name"},
		"METADATA number": {wheeltest.Wheel{Name: "foo", Replace: map[string]string{"METADATA": "Name: foo\nVersion: 2\n"}}, "version"},
		"no METADATA":     {wheeltest.Wheel{Name: "foo", Replace: map[string]string{"METADATA": "-"}}, "METADATA"},
		"no WHEEL":        {wheeltest.Wheel{Name: "foo", Replace: map[string]string{"WHEEL": "-"}}, "WHEEL"},
		"no RECORD":       {wheeltest.Wheel{Name: "foo", Replace: map[string]string{"RECORD": "-"}}, "RECORD"},
		"other tags":      {wheeltest.Wheel{Name: "foo", Replace: map[string]string{"WHEEL": "Wheel-Version: 1.0\nTag: cp39-abi3-linux_x86_64\n"}}, "tag"},
		"no tags":         {wheeltest.Wheel{Name: "foo", Replace: map[string]string{"WHEEL": "Wheel-Version: 1.0\n"}}, ""},
		"second folder":   {wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{{Name: "bar-1.0.dist-info/x"}}}, "two folders"},
		"entry points":    {wheeltest.Wheel{Name: "foo", EntryPoints: "[console_scripts]\nx\n"}, "entry point"},
	} {
		_, err := open(c.made)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	for name, file := range map[string]string{"name": "bar-1.0-py3-none-any.whl", "version": "foo-2.0-py3-none-any.whl", "tag": "foo-1.0-py2-none-any.whl"} {
		data := wheeltest.Wheel{Name: "foo"}.Bytes()
		if _, err := wheel.Open(bytes.NewReader(data), int64(len(data)), file); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a file named %s: %v, want an error with %q", file, err, name)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	w, err := open(wheeltest.Wheel{
		Name: "foo", Files: []wheeltest.File{{Name: "foo/A.py"}, {Name: "foo/a.py"}},
		Replace: map[string]string{"WHEEL": "Wheel-Version: 1.7\nTag: py3-none-any\n"},
	})
	if err != nil || len(w.Warnings) != 2 || !strings.Contains(w.Warnings[0], "1.7") || !strings.Contains(w.Warnings[1], "case") {
		t.Errorf("%v, %v", w, err)
	}
}

func TestVerifyHoldsFilesAgainstRecord(t *testing.T) {
	t.Parallel()
	files := []wheeltest.File{{Name: "foo.py", Data: "foo"}}
	for record, want := range map[string]string{
		"":           "",
		"foo.py,,\n": "",
		"foo.py,sha256=LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564,3\n":                                            "",
		"foo.py,sha256=LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564,4\n":                                            "size",
		"foo.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,3\n":                                            "hash",
		"foo.py,sha512=9_u6bgY2-JDlb7u0_AjUWvaeS8j5r8mHbjIFnNRfLDZqq7JgxY5TDZuXr6YQwTfJxJwLJ5lLDMzN37ZJv_1zZg,3\n": "hash",
		"foo.py,,\nfoo.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,\n":                                   "hash",
		"gone.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n":                                           "",
		strings.Repeat("foo.py,sha256=LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564,3\n", 20):                        "hashes",
	} {
		sums, err := verify(t, wheeltest.Wheel{Name: "foo", Files: files, Replace: map[string]string{"RECORD": record}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("RECORD %q: %v, want an error with %q", record, err, want)
		}
		if err == nil && sums[0].SHA256 != sha256.Sum256([]byte("foo")) {
			t.Errorf("RECORD %q: wrong SHA-256", record)
		}
	}
}

func TestVerifyKnowsFilesByTheirBegin(t *testing.T) {
	t.Parallel()
	made := wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{
		{Name: "elf", Data: "\x7fELF and more"}, {Name: "script", Data: "#!pythonw -x\n"}, {Name: "short", Data: "\x7fE"}, {Name: "other", Data: "#! python\n"},
	}}
	w, err := open(made)
	if err != nil {
		t.Fatal(err)
	}
	var tapped bytes.Buffer
	sums, err := w.Verify(t.Context(), func(m archive.Member) io.Writer {
		if m.Name != "elf" {
			t.Errorf("the tap is asked for %s", m.Name)
		}
		return &tapped
	})
	if err != nil {
		t.Fatal(err)
	}
	if tapped.String() != "\x7fELF and more" {
		t.Errorf("the tap has %q", tapped.String())
	}
	for i, want := range []bool{true, false, false, false} {
		if sums[i].ELF != want {
			t.Errorf("%s: %+v", w.Archive.Members[i].Name, sums[i])
		}
	}
}

func TestVerifyStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	w, err := open(wheeltest.Wheel{Name: "foo"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Verify(ctx, nil); err == nil {
		t.Error("Verify went on")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{{Name: "foo.py", Data: "x"}}, EntryPoints: "[console_scripts]\nx = a:b\n"}.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), "foo-1.0-py3-none-any.whl")
		if err != nil {
			return
		}
		if sums, err := w.Verify(t.Context(), nil); err == nil && len(sums) != len(w.Archive.Members) {
			t.Error("the sums are not those of the members")
		}
	})
}
