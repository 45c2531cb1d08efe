package apk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

func hello() fixture.Package {
	return fixture.Package{
		Name: "hello", Version: "1-r0", Arch: "x86_64",
		Files:    []fixture.File{{Path: "usr/bin/hello", Body: bytes.Repeat([]byte("hello "), 5000), Mode: 0o755}},
		Scripts:  map[string]string{"post-install": "#!/bin/sh\n", "trigger": "#!/bin/sh\nexit 0\n"},
		Triggers: []string{"/usr/bin", "/lib/*"},
		Replaces: []string{"hi<2", "ho"}, ReplacesPriority: 3,
		Depends: []string{"so:libc.musl-x86_64.so.1"},
	}
}

func TestOpenArchive(t *testing.T) {
	t.Parallel()
	for _, split := range []int{1, 3} {
		p := hello()
		p.SplitData = split
		a := apktest.Build(t, p)
		want := apk.Expect{Package: apktest.Listed(t, a), Keyring: apktest.Ring(t, fixture.TestKey()), Name: "NAME"}
		got, err := apk.OpenArchive(iotest.HalfReader(bytes.NewReader(a.Bytes())), want)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(got.Data)
		if err != nil || !bytes.Equal(data, a.Data) {
			t.Errorf("%d members: read %d bytes of data, %v; want %d", split, len(data), err, len(a.Data))
		}
		if !bytes.Equal(got.Control.Raw, a.Control) || got.Control.DataHash != a.DataHash() || got.Control.Checksum.String() != a.Checksum() {
			t.Errorf("%d members: the control stream is not the archive's", split)
		}
	}
}

func TestParseControl(t *testing.T) {
	t.Parallel()
	c, err := apk.ParseControl(apktest.Build(t, hello()).Control)
	if err != nil {
		t.Fatal(err)
	}
	i := c.Info
	got := fmt.Sprintln(i.Name, i.Version, i.Arch, i.Origin, i.License, i.Replaces, i.ReplacesPriority, i.Triggers, i.Depends, i.BuildTime)
	want := fmt.Sprintln("hello 1-r0 x86_64 hello MIT [hi<2 ho] 3 [/usr/bin /lib/*] [so:libc.musl-x86_64.so.1]", fixture.BuildTime)
	if got != want {
		t.Errorf("Info = %s, want %s", got, want)
	}
	var scripts []string
	for _, s := range c.Scripts {
		scripts = append(scripts, s.Type+":"+string(s.Content))
	}
	if got, want := fmt.Sprintf("%q", scripts), `["post-install:#!/bin/sh\n" "trigger:#!/bin/sh\nexit 0\n"]`; got != want {
		t.Errorf("Scripts = %s, want %s", got, want)
	}
}

func TestOpenArchiveRefuses(t *testing.T) {
	t.Parallel()
	a := apktest.Build(t, hello())
	p := apktest.Listed(t, a)
	renamed := *p
	renamed.Version = "2-r0"
	flipped := fixture.Archive{Signature: a.Signature, Control: fixture.FlipByte(a.Control, 30), Data: a.Data}
	more := hello()
	more.Depends = append(more.Depends, "evil")
	unsigned := hello()
	unsigned.SignWith = []*fixture.Key{}
	control := apktest.Build(t, fixture.Package{Name: "hello", Version: "1-r0", Info: []string{"pkgdesc = bell\a"}})
	tests := []struct {
		name string
		file []byte
		want apk.Expect
		is   error
		text []string
	}{
		{"damaged control", flipped.Bytes(), apk.Expect{Package: p}, nil, []string{"control stream", "damaged or altered"}},
		{"another control", apktest.Build(t, more).Bytes(), apk.Expect{Package: p}, nil, []string{"control stream", p.Checksum.String(), "altered"}},
		{"another version inside", a.Bytes(), apk.Expect{Package: &renamed}, nil, []string{"hello-1-r0", "hello-2-r0"}},
		{"truncated signature", a.Bytes()[:50], apk.Expect{Package: p}, io.ErrUnexpectedEOF, []string{"truncated"}},
		{"truncated control", a.Bytes()[:len(a.Signature)+50], apk.Expect{Package: p}, io.ErrUnexpectedEOF, []string{"truncated", "control"}},
		{"nothing", nil, apk.Expect{Package: p}, io.ErrUnexpectedEOF, nil},
		{"apk v3", []byte("ADB.pckg"), apk.Expect{Package: p}, nil, []string{"v3", "not supported"}},
		{"no apk", buildIndex(t, fixture.Index{}), apk.Expect{}, nil, []string{"no .PKGINFO"}},
		{"control character", control.Bytes(), apk.Expect{}, nil, []string{".PKGINFO line", "control character"}},
		{"no index, unknown key", a.Bytes(), apk.Expect{Keyring: apktest.Ring(t, fixture.OtherKey())}, apk.ErrUnknownKey, nil},
		{"no index, not signed", apktest.Build(t, unsigned).Bytes(), apk.Expect{Keyring: apktest.Ring(t, fixture.TestKey())}, apk.ErrNotSigned, nil},
		{"no index, altered", flipped.Bytes(), apk.Expect{Keyring: apktest.Ring(t, fixture.TestKey())}, nil, nil},
		{"own signature does not match", append(signatureOf(t, "other"), append(bytes.Clone(a.Control), a.Data...)...),
			apk.Expect{Package: p, Keyring: apktest.Ring(t, fixture.TestKey())}, apk.ErrAltered, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.want.Name = "NAME"
			_, err := apk.OpenArchive(bytes.NewReader(tt.file), tt.want)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Fatalf("OpenArchive = %v, want %v", err, tt.is)
			}
			for _, text := range append(tt.text, "NAME") {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("OpenArchive = %v, want %q in it", err, text)
				}
			}
		})
	}
}

// signatureOf is the signature stream of another package.
func signatureOf(t testing.TB, name string) []byte {
	t.Helper()
	return apktest.Build(t, fixture.Package{Name: name, Version: "1-r0"}).Signature
}

func TestOpenArchiveThatTheIndexVouchesFor(t *testing.T) {
	t.Parallel()
	stranger := hello()
	stranger.SignWith = []*fixture.Key{fixture.OtherKey()}
	unsigned := hello()
	unsigned.SignWith = []*fixture.Key{}
	for _, p := range []fixture.Package{stranger, unsigned} {
		a := apktest.Build(t, p)
		want := apk.Expect{Package: apktest.Listed(t, a), Keyring: apktest.Ring(t, fixture.TestKey())}
		if _, err := apk.OpenArchive(bytes.NewReader(a.Bytes()), want); err != nil {
			t.Errorf("OpenArchive = %v, want no fault: the checksum is the index's", err)
		}
	}
}

func TestArchiveDataIsJudgedAtItsEnd(t *testing.T) {
	t.Parallel()
	a := apktest.Build(t, hello())
	p := apktest.Listed(t, a)
	noHash := hello()
	noHash.DataHash = strings.Repeat("0", 64)
	other := apktest.Build(t, noHash)
	tests := []struct {
		name string
		file []byte
		want apk.Expect
		is   error
	}{
		{"flipped byte", fixture.FlipByte(a.Bytes(), -20), apk.Expect{Package: p}, nil},
		{"truncated", fixture.Cut(a.Bytes(), -20), apk.Expect{Package: p}, io.ErrUnexpectedEOF},
		{"no data at all", a.Bytes()[:len(a.Signature)+len(a.Control)], apk.Expect{Package: p}, io.ErrUnexpectedEOF},
		{"more data", append(a.Bytes(), 0), apk.Expect{Package: p}, nil},
		{"wrong datahash", other.Bytes(), apk.Expect{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := apk.OpenArchive(bytes.NewReader(tt.file), tt.want)
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(io.Discard, got.Data)
			var hashError *apk.DigestError
			if !errors.As(err, &hashError) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("reading Data = %v, want a *DigestError of %v", err, tt.is)
			}
			if _, again := got.Data.Read(make([]byte, 1)); !errors.Is(again, err) {
				t.Errorf("reading on = %v, want the same error", again)
			}
		})
	}
}

func FuzzArchive(f *testing.F) {
	p := hello()
	f.Add(apktest.Build(f, p).Bytes())
	p.SignWith, p.SplitData = []*fixture.Key{}, 2
	f.Add(apktest.Build(f, p).Bytes())
	f.Add([]byte("ADB."))
	f.Add(buildIndex(f, fixture.Index{}))
	ring := apktest.Ring(f, fixture.TestKey())
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, keyring := range []*apk.Keyring{nil, ring} {
			a, err := apk.OpenArchive(bytes.NewReader(file), apk.Expect{Keyring: keyring})
			if err != nil {
				continue
			}
			if a.Control.Info.Name == "" {
				t.Error("an archive without a name was opened")
			}
			n, err := io.Copy(io.Discard, a.Data)
			if err == nil && n > 0 && a.Control.DataHash == "" {
				t.Error("data that nothing vouches for was read")
			}
		}
	})
}

func FuzzControl(f *testing.F) {
	a := apktest.Build(f, hello())
	f.Add(a.Control)
	f.Add(a.Signature)
	f.Add(a.Data)
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := apk.ParseControl(raw)
		if err != nil {
			return
		}
		if again, err := apk.RecallControl(raw, c.Members()); len(c.Members()) > 0 && (err != nil || !reflect.DeepEqual(again, c)) {
			t.Errorf("RecallControl = %+v, %v, want %+v", again, err, c)
		}
		text := c.Info.Name + c.Info.Version + c.Info.Description + strings.Join(c.Info.Triggers, "")
		if c.Info.Name == "" || strings.ContainsAny(text, "\n\x1b\x00") {
			t.Errorf("Info = %+v: a name, and no control characters, are wanted", c.Info)
		}
	})
}

func FuzzRecallControl(f *testing.F) {
	c, err := apk.ParseControl(apktest.Build(f, hello()).Control)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.Members())
	f.Add([]byte{1, 'x', 200, 200, 200, 200, 200, 200, 200, 200, 200, 1})
	f.Fuzz(func(t *testing.T, members []byte) {
		if got, err := apk.RecallControl(c.Raw, members); err == nil && (got.Info.Name == "" || got.Checksum != c.Checksum) {
			t.Errorf("RecallControl = %+v, want a name and the checksum of the control stream", got)
		}
	})
}

// TestRecallControl: what was kept of a control stream gives the same Control.
func TestRecallControl(t *testing.T) {
	t.Parallel()
	many := hello()
	for i := range 20_000 {
		many.Provides = append(many.Provides, fmt.Sprintf("cmd:c%d=1-r0", i))
	}
	for name, p := range map[string]fixture.Package{"small": hello(), "large": many} {
		c, err := apk.ParseControl(apktest.Build(t, p).Control)
		if err != nil {
			t.Fatal(err)
		}
		if large := name == "large"; large != (c.Members() == nil) {
			t.Errorf("%s: Members are %d bytes; very much is not kept", name, len(c.Members()))
		}
		if c.Members() == nil {
			continue
		}
		if again, err := apk.RecallControl(c.Raw, c.Members()); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%s: RecallControl = %+v, %v, want %+v", name, again, err, c)
		}
		for n := range c.Members() {
			if again, err := apk.RecallControl(c.Raw, c.Members()[:n]); err == nil && again.Info.Name != "hello" {
				t.Errorf("RecallControl of %d bytes = %+v", n, again)
			}
		}
	}
}

func FuzzReadIndex(f *testing.F) {
	f.Add(buildIndex(f, fixture.Index{}))
	f.Add(buildIndex(f, fixture.Index{SignWith: []*fixture.Key{}}))
	f.Add([]byte("ADB."))
	ring := apktest.Ring(f, fixture.OtherKey())
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := apk.ReadIndex(bytes.NewReader(file), apk.IndexOptions{Arch: "x86_64", Keyring: ring}); err == nil {
			t.Error("an index that the key did not sign was trusted")
		}
		_, _ = apk.ReadIndex(bytes.NewReader(file), apk.IndexOptions{Arch: "x86_64"})
	})
}

// All packages of the mirror, whatever built them.
