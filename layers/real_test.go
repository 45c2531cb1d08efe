package layers_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pyimg/pyimg/layers"
	ownelf "github.com/pyimg/pyimg/layers/elf"
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
			if e.Header.Typeflag == tar.TypeReg && len(e.Records.Get("APK-TOOLS.checksum.SHA1")) != 40 {
				t.Errorf("%s: %q has no checksum: %v", name, e.Header.Name, e.Records)
			}
			if e.ELF != nil && e.ELF.Err != "" {
				t.Errorf("%s: ELF(%q): %s", name, e.Header.Name, e.ELF.Err)
			}
		}
	}
}

// TestELFAgreesWithSections compares what the program headers tell with what Go's debug/elf finds by the section headers,
// which the real files still have.
func TestELFAgreesWithSections(t *testing.T) {
	t.Parallel()
	runtimes, _ := filepath.Glob(filepath.Join(shared(t, "runtimes"), "*.tar.gz"))
	var apks []string
	for _, pattern := range []string{"musl-*", "zlib*", "busybox-1*"} {
		found, _ := filepath.Glob(filepath.Join(shared(t, "alpine-mirror"), "v3.20/main/*", pattern))
		apks = append(apks, found...)
	}
	if len(runtimes) == 0 || len(apks) == 0 {
		t.Fatal("no real data")
	}
	compared, allocators := 0, 0
	for _, name := range append(runtimes, apks...) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".apk") {
			raw, _ = dataStream(t, raw)
		}
		s, err := layers.OpenStore(t.TempDir(), layers.ContentRule{Path: "**/*", Imports: true})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]*layers.ELF{}
		for _, e := range entries(t, s, ingest(t, s, raw).Digest) {
			got[e.Header.Name] = e.ELF
		}
		eachELF(t, raw, func(path string, f *elf.File) {
			compared++
			if got[path] == nil {
				t.Errorf("%s: %q is not seen as ELF", name, path)
				return
			}
			if got[path].Malloc {
				allocators++
			}
			compareELF(t, name+": "+path, got[path], f)
		})
	}
	if compared < 30 || allocators < 10 {
		t.Errorf("%d files were compared, of which %d export malloc: want more", compared, allocators)
	}
}

func eachELF(t *testing.T, raw []byte, do func(path string, f *elf.File)) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := elf.NewFile(bytes.NewReader(content)); err == nil {
			do(h.Name, f)
		}
	}
}

// builtPage is what shared/runtimes says of its jemalloc: --with-lg-page=16. It is looked for on 64-bit ARM alone.
func builtPage(name string) uint64 {
	if strings.Contains(name, "jemalloc") && strings.Contains(name, "aarch64") {
		return 1 << 16
	}
	return 0
}

// hashes are those that a file exports.
func hashes(all []uint32) ownelf.Hashes {
	slices.Sort(all)
	var text []byte
	for _, h := range slices.Compact(all) {
		text = binary.LittleEndian.AppendUint32(text, h)
	}
	return ownelf.Hashes(text)
}

func compareELF(t *testing.T, name string, got *layers.ELF, f *elf.File) {
	t.Helper()
	text := func(tag elf.DynTag) []string {
		list, _ := f.DynString(tag) // without a dynamic section: none
		return list
	}
	malloc := false
	symbols, _ := f.DynamicSymbols() // and so here
	var exports []uint32
	undefined := make(map[string]bool)
	for _, s := range symbols {
		if bind := elf.ST_BIND(s.Info); s.Section != elf.SHN_UNDEF && bind != elf.STB_LOCAL {
			exports = append(exports, ownelf.Hash(s.Name))
		} else if bind == elf.STB_GLOBAL {
			undefined[s.Name] = true
		}
		malloc = malloc || s.Name == "malloc" && s.Section != elf.SHN_UNDEF
	}
	var align uint64
	interp, tls := "", ownelf.TLS{Initial: got.TLS.Initial, Dynamic: got.TLS.Dynamic}
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_TLS:
			tls.Has = true
		case elf.PT_LOAD:
			align = max(align, p.Align)
		case elf.PT_INTERP:
			raw, err := io.ReadAll(p.Open())
			if err != nil {
				t.Fatal(err)
			}
			interp = strings.TrimRight(string(raw), "\x00")
		}
	}
	for _, needed := range got.Imports { // of what is undefined, what relocations need
		if !undefined[needed] {
			t.Errorf("%s needs %s, which is not an undefined symbol of it", name, needed)
		}
	}
	if len(got.Imports) == 0 && len(undefined) > 5 {
		t.Errorf("%s needs nothing, and %d of its symbols are undefined", name, len(undefined))
	}
	if calls := slices.Contains(got.Imports, "__tls_get_addr"); f.Machine == elf.EM_X86_64 && got.TLS.Has && calls != (got.TLS.Dynamic > 0) {
		t.Errorf("%s: it imports __tls_get_addr: %t, and %d relocations are for its arguments", name, calls, got.TLS.Dynamic)
	}
	want := &layers.ELF{
		Class: 32 * int(f.Class), BigEndian: f.Data == elf.ELFDATA2MSB, Machine: f.Machine, Type: f.Type, Flags: got.Flags,
		Interp: interp, Dynamic: got.Dynamic, Soname: strings.Join(text(elf.DT_SONAME), ""), Needed: text(elf.DT_NEEDED),
		RPath: split(text(elf.DT_RPATH)), RunPath: split(text(elf.DT_RUNPATH)), Malloc: malloc, Align: align,
		Page: builtPage(name), TLS: tls,
		Exports: hashes(exports), Imports: got.Imports,
		Symtab: f.SectionByType(elf.SHT_SYMTAB) != nil,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func split(paths []string) []string {
	if len(paths) == 0 {
		return nil
	}
	return strings.Split(paths[0], ":")
}
