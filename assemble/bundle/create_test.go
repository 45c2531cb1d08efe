package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

// TestFormsAreOneBundle makes a folder, a tar and parts, which have one ID.
func TestFormsAreOneBundle(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := t.TempDir()
	ids := make(map[string]bool)
	for _, form := range []struct {
		name, output string
		split        int64
	}{{"folder", "b", 0}, {"tar", "b.tar", 0}, {"parts", "p.tar", 300 << 10}} {
		o := s.options(t, filepath.Join(dir, form.output))
		o.Split = form.split
		made := mustCreate(t, o)
		ids[made.ID] = true
		if err := verify(t, o.Output); err != nil {
			t.Errorf("%s: %v", form.name, err)
		}
	}
	if len(ids) != 1 {
		t.Errorf("three forms of one bundle have the IDs %v", ids)
	}
	if parts, _ := filepath.Glob(filepath.Join(dir, "p.tar.0*")); len(parts) < 3 {
		t.Errorf("parts are %q, want several", parts)
	}
	for _, left := range []string{"b/.partial", "b.tar.partial", "p.tar.partial"} {
		if _, err := os.Stat(filepath.Join(dir, left)); err == nil {
			t.Errorf("%s is left", left)
		}
	}
}

// TestBundleHoldsTheServersBytes compares with the mirror, which the layout is that of.
func TestBundleHoldsTheServersBytes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, reuse := range []bool{false, true} {
		o := s.options(t, filepath.Join(t.TempDir(), "b"))
		if reuse {
			o.Store = s.store
		}
		s.mirror.Forget()
		mustCreate(t, o)
		n := 0
		for _, name := range files(t, o.Output) {
			if want := s.mirror.File(strings.TrimPrefix(name, "alpine/")); strings.HasPrefix(name, "alpine/") {
				n++
				if string(want) != string(read(t, o.Output, name)) {
					t.Errorf("reuse %v: %s differs from the mirror's", reuse, name)
				}
			}
		}
		if n < 10 {
			t.Fatalf("compared %d files", n)
		}
		if got := s.mirror.Count("GET", ".apk") + s.mirror.Count("GET", "python-"); reuse && got > 0 {
			t.Errorf("%d files were fetched that the store has", got)
		}
	}
}

func TestSizesAreExact(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, output := range []string{"b", "b.tar"} {
		o := s.options(t, filepath.Join(t.TempDir(), output))
		s.mirror.Forget()
		d, err := create.Prepare(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		made, err := d.Create(t.Context(), nil)
		if d.Close(); err != nil {
			t.Fatal(err)
		}
		sent := int64(0)
		for _, r := range s.mirror.Requests() {
			if r.Method == "GET" {
				sent += r.Sent
			}
		}
		if sent != d.Indexes+d.Fetch || sent != made.Fetched {
			t.Errorf("%s: the server sent %d bytes; said were %d, and %d afterwards", output, sent, d.Indexes+d.Fetch, made.Fetched)
		}
		size := int64(0)
		for _, name := range files(t, filepath.Dir(o.Output)) {
			info, err := os.Stat(filepath.Join(filepath.Dir(o.Output), name))
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
		if size != d.Bundle {
			t.Errorf("%s takes %d bytes, said were %d", output, size, d.Bundle)
		}
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t, filepath.Join(t.TempDir(), "b"))
	o.DryRun = true
	s.mirror.Forget()
	d, err := create.Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, err := os.Stat(o.Output); err == nil || s.mirror.Count("GET", ".apk") > 0 {
		t.Errorf("a dry run wrote or fetched something")
	}
}

// TestNoRoom stops before anything but the indexes is fetched.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d, err := create.Prepare(t.Context(), s.options(t, filepath.Join(t.TempDir(), "b")))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.Free = d.Need - 1
	s.mirror.Forget()
	_, err = d.Create(t.Context(), nil)
	var space *create.SpaceError
	if !errors.As(err, &space) || len(s.mirror.Requests()) > 0 {
		t.Errorf("Create = %v after %d requests, want a SpaceError and none", err, len(s.mirror.Requests()))
	}
}

// TestInterruptedFetchesNothingTwice breaks off in the midst of the largest package, and goes on.
func TestInterruptedFetchesNothingTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t, filepath.Join(t.TempDir(), "b.tar"))
	o.Jobs = 1
	const large, cut = "v3.20/main/x86_64/busybox-1.36.1-r29.apk", 100_000
	s.mirror.Fail(fixture.Fault{Path: large, Truncate: cut})
	s.mirror.Forget()
	o.Client = &fetch.Client{Retries: -1}
	if _, err := createBundle(t, o); err == nil {
		t.Fatal("the transfer was cut, and Create says nothing")
	}
	sent := bytesSent(s.mirror)
	s.mirror.Heal()
	left := make(map[bool]int64) // to be fetched, said by a dry run and by another
	for _, dry := range []bool{true, false} {
		o.DryRun = dry
		d, err := create.Prepare(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		left[dry] = d.Fetch
		d.Close()
	}
	if left[true] != left[false] {
		t.Errorf("a dry run says that %d bytes are to be fetched, another run %d", left[true], left[false])
	}
	s.mirror.Forget()
	made := mustCreate(t, o)
	again := bytesSent(s.mirror)
	for path, n := range again {
		switch before := sent[path]; {
		case strings.HasSuffix(path, large):
			if want := int64(len(s.mirror.File(large))) - before; n != want || before != cut {
				t.Errorf("%s: %d bytes, then %d, want %d and %d", path, before, n, cut, want)
			}
		case before > 0 && n > 0:
			t.Errorf("%s was fetched twice", path)
		}
	}
	if err := verify(t, o.Output); err != nil {
		t.Error(err)
	}
	whole := s.options(t, filepath.Join(t.TempDir(), "whole"))
	if want := mustCreate(t, whole).ID; made.ID != want {
		t.Errorf("an interrupted bundle is %s, want %s", made.ID, want)
	}
}

// bytesSent sums up the bodies by path.
func bytesSent(m *fixture.Mirror) map[string]int64 {
	sent := make(map[string]int64)
	for _, r := range m.Requests() {
		if r.Method == "GET" {
			sent[r.Path] += r.Sent
		}
	}
	return sent
}

// TestChangedWhileInterrupted starts anew where the server's file is another one now.
func TestChangedWhileInterrupted(t *testing.T) {
	t.Parallel()
	mirror, url := tinyMirror(t)
	o := tinyOptions(t, url, filepath.Join(t.TempDir(), "b"), 0)
	o.Client = &fetch.Client{Retries: -1}
	mirror.Fail(fixture.Fault{Path: "APKINDEX", Truncate: 100})
	if _, err := createBundle(t, o); err == nil {
		t.Fatal("the transfer was cut, and Create says nothing")
	}
	mirror.Heal()
	publish(t, mirror, "2-r0")
	mustCreate(t, o)
	if err := verify(t, o.Output); err != nil {
		t.Error(err)
	}
	if !slices.Contains(files(t, o.Output), "alpine/main/noarch/tiny-2-r0.apk") && !slices.Contains(files(t, o.Output), "alpine/main/x86_64/tiny-2-r0.apk") {
		t.Errorf("the bundle holds %q", files(t, o.Output))
	}
}

// TestOtherLockInTheSameFolder leaves nothing of the earlier one.
func TestOtherLockInTheSameFolder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t, filepath.Join(t.TempDir(), "b"))
	mustCreate(t, o)
	s.relock(t, "linux/arm64")
	second := s.options(t, o.Output)
	s.mirror.Forget()
	mustCreate(t, second)
	if err := verify(t, o.Output); err != nil {
		t.Error(err)
	}
	if n := s.mirror.Count("GET", ".apk"); n > 0 {
		t.Errorf("%d packages were fetched that were there", n)
	}
}

// TestTarAgain takes what has not changed from the tar that is there.
func TestTarAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t, filepath.Join(t.TempDir(), "b.tar"))
	first := mustCreate(t, o)
	s.mirror.Forget()
	second := mustCreate(t, o)
	if n := s.mirror.Count("GET", ".apk") + s.mirror.Count("GET", "python-"); n > 0 || first.ID != second.ID {
		t.Errorf("%d files were fetched again for %s, which was %s", n, second.ID, first.ID)
	}
	tar := read(t, o.Output)
	at := bytes.Index(tar, s.mirror.File("v3.20/main/x86_64/busybox-1.36.1-r29.apk"))
	write(t, fixture.FlipByte(tar, at+5000), o.Output)
	third := mustCreate(t, o)
	if err := verify(t, o.Output); err != nil || third.ID != first.ID || s.mirror.Count("GET", ".apk") != 1 {
		t.Errorf("after damage: %v, %s with %d packages fetched, want %s and one", err, third.ID, s.mirror.Count("GET", ".apk"), first.ID)
	}
}

func TestRefusesOtherFolders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := t.TempDir()
	write(t, []byte("mine"), dir, "precious")
	if _, err := createBundle(t, s.options(t, dir)); err == nil || !strings.Contains(err.Error(), "precious") {
		t.Errorf("Create in a folder with other things = %v", err)
	}
}

// TestGonePackage says of a package that its mirror removed what a build says.
func TestGonePackage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mirror.Remove("v3.20/main/x86_64/zlib-1.3.1-r1.apk")
	if err := s.mirror.Publish("v3.20/main", fixture.Index{Arch: "x86_64"}); err != nil {
		t.Fatal(err)
	}
	_, err := createBundle(t, s.options(t, filepath.Join(t.TempDir(), "b")))
	var gone *ingest.GoneError
	if !errors.As(err, &gone) || gone.Name != "zlib" {
		t.Errorf("Create = %v, want a GoneError of zlib", err)
	}
}

// TestUnlistedPackage keeps a package that is still there though its index lists it no more.
func TestUnlistedPackage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := s.mirror.Publish("v3.20/main", fixture.Index{Arch: "x86_64"}); err != nil {
		t.Fatal(err)
	}
	o := s.options(t, filepath.Join(t.TempDir(), "b"))
	d, err := create.Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Create(t.Context(), nil)
	if d.Close(); err != nil {
		t.Fatal(err)
	}
	if len(d.Unlisted) == 0 || !strings.HasPrefix(d.Unlisted[0], "alpine-baselayout") {
		t.Errorf("unlisted are %q, want all of main for x86_64", d.Unlisted)
	}
	if err := verify(t, o.Output); err != nil {
		t.Error(err)
	}
}

// TestUntrustedIndex makes no bundle.
func TestUntrustedIndex(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t, filepath.Join(t.TempDir(), "b"))
	s.mirror.Edit("v3.20/main/x86_64/APKINDEX.tar.gz", func(b []byte) []byte { return fixture.FlipByte(b, len(b)/2) })
	if _, err := createBundle(t, o); err == nil || !strings.Contains(err.Error(), "main/x86_64") {
		t.Errorf("Create of an altered index = %v", err)
	}
}

// TestSecondMirror takes a file from the mirror that has the right one.
func TestSecondMirror(t *testing.T) {
	t.Parallel()
	good, bad := fixture.NewMirror(), fixture.NewMirror()
	var urls []string
	for _, m := range []*fixture.Mirror{bad, good} {
		publish(t, m, "1-r0")
		url, err := m.Serve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, url)
	}
	for _, name := range bad.Names() {
		bad.Edit(name, func(b []byte) []byte { return fixture.FlipByte(b, len(b)-20) })
	}
	o := tinyOptions(t, urls[0], filepath.Join(t.TempDir(), "b"), 0)
	o.Inputs.Repositories[0].Mirrors = []string{urls[0] + "/main", urls[1] + "/main"}
	o.Inputs.Repositories[0].Public = o.Inputs.Repositories[0].Mirrors
	mustCreate(t, o)
	if err := verify(t, o.Output); err != nil {
		t.Error(err)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.mirror.Fail(fixture.Fault{Path: ".apk", Stall: 10})
	o := s.options(t, filepath.Join(t.TempDir(), "b"))
	done := make(chan error, 1)
	go func() {
		_, err := createContext(ctx, o)
		done <- err
	}()
	for s.mirror.Count("GET", ".apk") == 0 {
		select {
		case err := <-done:
			t.Fatal(err)
		default:
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Create = %v, want context.Canceled", err)
	}
}
