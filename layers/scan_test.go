package layers_test

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/pyimg/pyimg/layers"
)

func TestIngestRefuses(t *testing.T) {
	t.Parallel()
	good := tarball(t, file("usr/bin/x", strings.Repeat("words ", 1000)))
	random := make([]byte, 4000)
	for i := range random {
		random[i] = byte(i*i>>3 ^ i)
	}
	packed := gz(t, good)
	flipped := slices.Clone(packed)
	flipped[len(flipped)-6] ^= 1
	for name, test := range map[string]struct {
		raw  []byte
		want string
	}{
		"nothing":                    {nil, "empty"},
		"text":                       {[]byte("<html>not found</html>"), "neither gzip nor zstd"},
		"plain tar":                  {good, "neither gzip nor zstd"},
		"xz":                         {[]byte("\xfd7zXZ\x00 and more"), "xz"},
		"gzip cut in its head":       {packed[:5], "truncated"},
		"gzip cut in its middle":     {packed[:len(packed)/2], "truncated"},
		"gzip cut in its checksum":   {packed[:len(packed)-3], "truncated"},
		"gzip with a flipped byte":   {flipped, "damaged"},
		"gzip and something else":    {append(slices.Clone(packed), "something else"...), "not gzip to its end"},
		"zstd cut":                   {zst(t, good)[:20], "truncated"},
		"no tar":                     {gz(t, random), "not a valid tar"},
		"tar cut in a member":        {gz(t, good[:700]), "truncated"},
		"tar cut in a header":        {gz(t, good[:300]), "truncated"},
		"bytes after the end":        {gz(t, append(slices.Clone(good), "hidden"...)), "follow the end"},
		"bytes after another gzip":   {append(slices.Clone(packed), gz(t, []byte("hidden"))...), "follow the end"},
		"a name up":                  {gzTar(t, file("usr/../../etc/passwd", "")), `usr/../../etc/passwd`},
		"a name up alone":            {gzTar(t, file("..", "")), `".."`},
		"an absolute name":           {gzTar(t, file("/etc/passwd", "")), "absolute"},
		"a control character":        {gzTar(t, file("etc/\x1b[2J", "")), "control"},
		"a control character, UTF-8": {gzTar(t, file("etc/\u009b2J", "")), "control"},
		"a whiteout":                 {gzTar(t, file("etc/.wh.passwd", "")), "whiteout"},
		"an opaque whiteout":         {gzTar(t, file("etc/.wh..wh..opq", "")), "whiteout"},
		"a whiteout's folder":        {gzTar(t, file(".wh..wh.plnk/x", "")), "whiteout"},
		"a long name":                {gzTar(t, file(strings.Repeat("d/", 3000)+"x", "")), "6001 bytes"},
		"a long part":                {gzTar(t, file("usr/"+strings.Repeat("d", 256), "")), "256 bytes"},
		"a hard link to nothing":     {gzTar(t, hardlink("a", "b")), `hard link to "b"`},
		"a hard link forward":        {gzTar(t, hardlink("a", "b"), file("b", "")), `hard link to "b"`},
		"a hard link to a folder":    {gzTar(t, dir("b"), hardlink("a", "b")), `hard link to "b"`},
		"a hard link to a symlink":   {gzTar(t, symlink("b", "c"), hardlink("a", "b")), `hard link to "b"`},
		"a hard link out":            {gzTar(t, hardlink("a", "../../etc/shadow")), `hard link to "../../etc/shadow"`},
		"a hard link to the host":    {gzTar(t, hardlink("a", "/etc/shadow")), `hard link to "/etc/shadow"`},
		"a symlink to nothing":       {gzTar(t, symlink("a", "")), "symlink"},
		"a symlink that escapes":     {gzTar(t, symlink("a", "\x1b[2J")), "symlink"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			s := openStoreIn(t, folder)
			b, err := s.Ingest(t.Context(), source("http://host/x.tar.gz", test.raw))
			if err == nil {
				t.Fatalf("Ingest = %+v, want an error", b)
			}
			for _, part := range []string{test.want, `"http://host/x.tar.gz"`} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if left := stored(t, folder); len(left) > 0 {
				t.Errorf("left are %q, want nothing", left)
			}
		})
	}
}

func TestIngestRefusesBombs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("inflates some hundred MiB")
	}
	var buf bytes.Buffer
	z, err := zstd.NewWriter(&buf)
	if err != nil {
		t.Fatal(err)
	}
	bomb := file("zeros", "")
	bomb.header.Size = 300 << 20
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&bomb.header); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(w, zeros{}, bomb.header.Size); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = openStore(t).Ingest(t.Context(), source("bomb", buf.Bytes()))
	if err == nil || !strings.Contains(err.Error(), "fold") {
		t.Errorf("Ingest: %v, want a refusal for its ratio", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestIngestPassesTheSourcesErrorOn(t *testing.T) {
	t.Parallel()
	cause := errors.New("the mirror went away")
	raw := gzTar(t, file("a", strings.Repeat("words ", 1000)))
	for name, r := range map[string]io.Reader{
		"at the start":  iotest.ErrReader(cause),
		"in the middle": io.MultiReader(bytes.NewReader(raw[:len(raw)/2]), iotest.ErrReader(cause)),
		"at the end":    io.MultiReader(bytes.NewReader(raw), iotest.ErrReader(cause)),
	} {
		src := layers.Source{Name: "http://host/x", Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(r), nil }}
		if _, err := openStore(t).Ingest(t.Context(), src); !errors.Is(err, cause) || !strings.Contains(err.Error(), "http://host/x") {
			t.Errorf("Ingest, broken %s: %v, want the cause and the name", name, err)
		}
	}
	src := layers.Source{Name: "http://host/x", Open: func(context.Context) (io.ReadCloser, error) { return nil, cause }}
	if _, err := openStore(t).Ingest(t.Context(), src); !errors.Is(err, cause) || !strings.Contains(err.Error(), "http://host/x") {
		t.Errorf("Ingest, not opened: %v, want the cause and the name", err)
	}
}

func TestIngestStopsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	folder := t.TempDir()
	_, err := openStoreIn(t, folder).Ingest(ctx, source("x", gzTar(t, file("a", "1"))))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Ingest: %v, want context.Canceled", err)
	}
	if left := stored(t, folder); len(left) > 0 {
		t.Errorf("left are %q, want nothing", left)
	}
}

func TestIngestForms(t *testing.T) {
	t.Parallel()
	plain := tarball(t, file("usr/bin/x", strings.Repeat("words ", 1000)))
	padded := append(slices.Clone(plain), make([]byte, 20<<10)...)
	for name, test := range map[string]struct {
		raw, plain []byte
		mediaType  string
	}{
		"gzip":         {gz(t, plain), plain, layers.MediaTypeGzip},
		"gzip members": {slices.Concat(gz(t, plain[:100]), gz(t, plain[100:2000]), gz(t, plain[2000:])), plain, layers.MediaTypeGzip},
		"empty member": {slices.Concat(gz(t, plain), gz(t, nil)), plain, layers.MediaTypeGzip},
		"zstd":         {zst(t, plain), plain, layers.MediaTypeZstd},
		"zstd frames":  {slices.Concat(zst(t, plain[:100]), zst(t, plain[100:])), plain, layers.MediaTypeZstd},
		"zstd skippable frame": {
			slices.Concat([]byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc"), zst(t, plain)), plain, layers.MediaTypeZstd,
		},
		"padding":     {gz(t, padded), padded, layers.MediaTypeGzip},
		"no end mark": {gz(t, plain[:len(plain)-1024]), plain[:len(plain)-1024], layers.MediaTypeGzip},
	} {
		s := openStore(t)
		b := ingest(t, s, test.raw)
		want := layers.Blob{
			Digest: digest(test.raw), DiffID: digest(test.plain), MediaType: test.mediaType,
			Size: int64(len(test.raw)), TarSize: int64(len(test.plain)),
		}
		if b != want {
			t.Errorf("%s: Ingest = %+v, want %+v", name, b, want)
		}
		if faults, err := s.Faults(b.Digest); err != nil || len(faults) > 0 {
			t.Errorf("%s: Faults = %v, %v, want none", name, faults, err)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	odd := func(flag byte) member {
		return member{header: tar.Header{Typeflag: flag, Name: "dev/x", Mode: 0o600, Devmajor: 1, Devminor: 3}}
	}
	owned := file("a", "")
	owned.header.Uid = -1
	global := member{header: tar.Header{
		Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "0123"},
	}}
	for name, test := range map[string]struct {
		members []member
		want    []string // parts of the faults, in order
	}{
		"none": {
			[]member{dir("usr"), dir("usr/bin"), file("usr/bin/x", ""), hardlink("usr/bin/y", "usr/bin/x"), symlink("usr/b", "../../up")},
			nil,
		},
		"a name that starts with a dot": {[]member{file(".pre-install", ""), file("usr/.keep_dir", "")}, nil},
		"a folder after its file":       {[]member{file("usr/x", ""), dir("usr")}, nil},
		"root":                          {[]member{dir(".")}, []string{"root itself"}},
		"dot slash":                     {[]member{dir("./usr"), file("./usr/x", "")}, []string{`"usr" has a name`, `"usr/x" has a name`}},
		"double slash":                  {[]member{file("usr//x", "")}, []string{`"usr/x" is written as "usr//x"`}},
		"twice":                         {[]member{file("x", "1"), file("x", "2")}, []string{`"x" is in the archive twice`}},
		"a folder twice":                {[]member{dir("x"), dir("x")}, []string{`"x" is in the archive twice`}},
		"below a symlink": {
			[]member{symlink("var/run", "../run"), file("var/run/a/x", "")}, []string{`"var/run/a/x" is below "var/run"`},
		},
		"below a file":         {[]member{file("x", ""), file("x/y", "")}, []string{`"x/y" is below "x"`}},
		"a file over a folder": {[]member{file("x/y", ""), symlink("x", "z")}, []string{`"x" is not a folder`}},
		"char device":          {[]member{odd(tar.TypeChar)}, []string{"device"}},
		"block device":         {[]member{odd(tar.TypeBlock)}, []string{"device"}},
		"pipe":                 {[]member{odd(tar.TypeFifo)}, nil},
		"odd type":             {[]member{odd('V')}, []string{`type flag "V"`}},
		"contiguous file":      {[]member{odd(tar.TypeCont)}, []string{`type flag "7"`}},
		"global header":        {[]member{global, file("x", "")}, []string{"global PAX header"}},
		"owner":                {[]member{owned}, []string{"-1:0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t)
			b := ingest(t, s, gzTar(t, test.members...))
			got, err := s.Faults(b.Digest)
			if err != nil || len(got) != len(test.want) {
				t.Fatalf("Faults = %v, %v, want %q", got, err, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(got[i].String(), want) {
					t.Errorf("Faults[%d] = %q, want %q in it", i, got[i], want)
				}
			}
		})
	}
}

func TestSparseIsAFault(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/sparse.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t)
	b := ingest(t, s, raw)
	got, err := s.Faults(b.Digest)
	if err != nil || len(got) != 2 {
		t.Fatalf("Faults = %v, %v, want one for each format", got, err)
	}
	for _, f := range got {
		if f.Code != layers.FaultSparse {
			t.Errorf("Faults has %q, want the sparse file", f)
		}
	}
}

func TestEntries(t *testing.T) {
	t.Parallel()
	plain := file("etc/plain", "x")
	plain.header.Uname, plain.header.Gname, plain.header.Uid, plain.header.Gid = "nginx", "www-data", 100, 101
	plain.header.ModTime = time.Unix(1600000000, 500)
	plain.header.Format = tar.FormatPAX
	plain.header.AccessTime = time.Unix(0, 0)
	plain.header.PAXRecords = map[string]string{"APK-TOOLS.checksum.SHA1": "00ff", "SCHILY.xattr.user.x": "\x00\x01"}
	old := file("old", "")
	old.header.ModTime = time.Unix(-5, 0)
	members := []member{dir("etc"), plain, hardlink("etc/hard", "etc/plain"), symlink("etc/soft", "/etc/plain"), old}
	s := openStore(t)
	got := entries(t, s, ingest(t, s, gzTar(t, members...)).Digest)
	if len(got) != len(members) {
		t.Fatalf("%d entries, want %d", len(got), len(members))
	}
	for i, m := range members {
		h := got[i].Header
		if h.Name != m.header.Name || h.Typeflag != m.header.Typeflag || h.Linkname != m.header.Linkname || h.Mode != m.header.Mode ||
			h.Size != m.header.Size || h.Uid != m.header.Uid || h.Gid != m.header.Gid || h.Uname != m.header.Uname || h.Gname != m.header.Gname {
			t.Errorf("entry %d = %+v, want %+v", i, h, m.header)
		}
		if want := m.header.ModTime; !want.IsZero() && !h.ModTime.Equal(want) {
			t.Errorf("entry %d was changed at %v, want %v", i, h.ModTime, want)
		}
		if records := maps.Collect(got[i].Records.All()); !maps.Equal(records, m.header.PAXRecords) {
			t.Errorf("entry %d has the records %q, want %q", i, records, m.header.PAXRecords)
		}
		for k, v := range m.header.PAXRecords {
			if got := got[i].Records.Get(k); got != v {
				t.Errorf("entry %d has %q = %q, want %q", i, k, got, v)
			}
		}
	}
}

func TestEntryPath(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"usr/bin/x": "usr/bin/x", "usr/bin/": "usr/bin", "./usr/": "usr", "./": "", ".": "", "": "", "/": "", "/usr": "usr",
		"usr//bin/./x": "usr/bin/x", "../x": "x", "usr/../../x": "x", "..": "",
	} {
		if got := (layers.Entry{Header: &tar.Header{Name: name}}).Path(); got != want {
			t.Errorf("Path(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestKept(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	rules := []layers.ContentRule{
		{Path: "etc/group", Max: 1000}, {Path: "etc/empty", Max: 10}, {Path: "top", Max: 10}, {Path: "etc/all.d/*", Max: 999},
		{Path: "**/lib/python3.*/**/_sys*.py", Max: 1 << 20}, {Path: "**/any", Max: 10}, {Path: "usr/bin/kept", Max: 2000},
		{Path: "set/a[0-9]*.x", Max: 10}, {Path: `set/\*.y?`, Max: 10},
	}
	for _, test := range []struct {
		member member
		want   string
	}{
		{file("./etc/group", long), long},
		{file("etc/empty", ""), ""},
		{file("usr/etc/group", long), ""},
		{file("etc/group/group", long), ""},
		{file("etc/group", long+"x"), ""},
		{file("top", "x"), "x"},
		{file("usr/top", "x"), ""},
		{file("any", "x"), "x"},
		{file("a/b/any", "x"), "x"},
		{file("a/b/anyone", "x"), ""},
		{file("etc/all.d/busybox", "links"), "links"},
		{file("etc/all.d/busybox", long), ""},
		{file("etc/all.d/more/busybox", "links"), ""},
		{file("usr/local/lib/python3.13/_sysconfig.py", long), long},
		{file("lib/python3.13/a/b/_sysconfig.py", long), long},
		{file("xlib/python3.13/_sysconfig.py", long), ""},
		{file("usr/lib/_sysconfig.py", long), ""},
		{file("usr/lib/python3.13/sysconfig.py", long), ""},
		{file("lib/python3.13/_sys.py", long), long},
		{file("set/a1.x", "x"), "x"},
		{file("set/a.x", "x"), ""},
		{file("set/*.yz", "x"), "x"},
		{file("set/b.yz", "x"), ""},
		{script("usr/bin/x", "#!/usr/bin/env python3\nimport sys\n"), "#!/usr/bin/env python3"},
		{script("usr/bin/kept", "#!/bin/sh\ntrue\n"), "#!/bin/sh\ntrue\n"},
		{script("usr/bin/y", "#!/bin/sh"), "#!/bin/sh"},
		{script("usr/bin/z", "#!"+long), "#!" + long[:254]},
		{file("usr/bin/w", "#!/bin/sh\n"), ""},
		{script("usr/bin/v", "text"), ""},
	} {
		s, err := layers.OpenStore(t.TempDir(), rules...)
		if err != nil {
			t.Fatal(err)
		}
		got := entries(t, s, ingest(t, s, gzTar(t, test.member, hardlink("other", test.member.header.Name))).Digest)
		if string(got[0].Kept) != test.want || string(got[1].Kept) != test.want {
			t.Errorf("Kept of %q = %.60q, of a hard link to it %.60q, want %.60q", test.member.header.Name, got[0].Kept, got[1].Kept, test.want)
		}
	}
}

func TestOpenStoreRefusesToKeep(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"/etc/passwd", "etc/["} {
		if _, err := layers.OpenStore(t.TempDir(), layers.ContentRule{Path: bad}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("OpenStore that keeps %q: %v, want an error that names it", bad, err)
		}
	}
}

// TestOtherRulesOfKeeping opens one folder with other rules: what is kept follows the rules in force, from stored bytes and
// from surveys alike.
func TestOtherRulesOfKeeping(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stored, surveyed := gzTar(t, file("a", "1"), file("b", "2")), gzTar(t, file("a", "3"), file("b", "4"))
	for _, test := range []struct{ keep, want string }{{"a", "1 3"}, {"b", "2 4"}, {"a", "1 3"}} {
		s, err := layers.OpenStore(dir, layers.ContentRule{Path: test.keep, Max: 10})
		if err != nil {
			t.Fatal(err)
		}
		src := source("surveyed", surveyed)
		src.Digest = digest(surveyed)
		survey, err := s.FactsOf(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries(t, s, ingest(t, s, stored).Digest) {
			got = append(got, string(e.Kept))
		}
		for e, err := range survey.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(e.Kept))
		}
		if text := strings.Join(strings.Fields(strings.Join(got, " ")), " "); text != test.want {
			t.Errorf("a store that keeps %q has %q, want %q", test.keep, text, test.want)
		}
	}
}

// largeELF is a library of size bytes whose dynamic segment and name are its last ones.
func largeELF(size int, soname string) string {
	const header, program, dynamic = 64, 56, 48
	b := make([]byte, size)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[16:], uint16(elf.ET_DYN))
	le.PutUint16(b[18:], uint16(elf.EM_X86_64))
	le.PutUint64(b[32:], header)
	le.PutUint16(b[54:], program)
	le.PutUint16(b[56:], 2)
	at := uint64(size - dynamic)
	names := at - uint64(len(soname)+1)
	copy(b[names:], soname)
	for i, p := range [][3]uint64{{uint64(elf.PT_LOAD), 0, uint64(size)}, {uint64(elf.PT_DYNAMIC), at, dynamic}} {
		to := b[header+i*program:]
		le.PutUint32(to, uint32(p[0]))
		le.PutUint64(to[8:], p[1])
		le.PutUint64(to[16:], p[1])
		le.PutUint64(to[32:], p[2])
	}
	for i, v := range []uint64{uint64(elf.DT_STRTAB), names, uint64(elf.DT_SONAME), 0} {
		le.PutUint64(b[at+uint64(i)*8:], v)
	}
	return string(b)
}

func TestLargeELF(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := openStoreIn(t, folder)
	var members []member
	sizes := []int{1000, 3 << 20, 1<<20 + 20, 1 << 20, 2 << 20}
	for _, size := range sizes {
		members = append(members, file(fmt.Sprint("lib", size), largeELF(size, fmt.Sprint("lib", size, ".so"))))
	}
	members = append(members, hardlink("link", "lib1000"))
	got := entries(t, s, ingest(t, s, gzTar(t, members...)).Digest)
	for i, size := range append(sizes, 1000) {
		want := &layers.ELF{
			Class: 64, Machine: elf.EM_X86_64, Type: elf.ET_DYN, Dynamic: true, Soname: fmt.Sprint("lib", size, ".so"),
		}
		if diff := cmp.Diff(want, got[i].ELF); diff != "" {
			t.Errorf("ELF of %q (-want +got):\n%s", got[i].Path(), diff)
		}
	}
	if left := stored(t, folder); len(left) != 2 {
		t.Errorf("left are %q, want a blob and its facts", left)
	}
}

func TestCutPaddingIsAFault(t *testing.T) {
	t.Parallel()
	plain := tarball(t, file("x", "1"))
	s := openStore(t)
	faults, err := s.Faults(ingest(t, s, gz(t, plain[:600])).Digest)
	if err != nil || len(faults) != 1 || !strings.Contains(faults[0].String(), "record") {
		t.Errorf("Faults = %v, %v, want that of the cut record", faults, err)
	}
}

func TestImpliedFoldersAreBounded(t *testing.T) {
	t.Parallel()
	var members []member
	for i := range 300 {
		members = append(members, file(fmt.Sprintf("t%d%s", i, strings.Repeat("/d", 2000)), ""))
	}
	_, err := openStore(t).Ingest(t.Context(), source("x", gzTar(t, members...)))
	if err == nil || !strings.Contains(err.Error(), "folders that their names imply") {
		t.Errorf("Ingest = %v, want a bound on the folders that 300 names imply", err)
	}
}
