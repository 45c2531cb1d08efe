package apk_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// faultOf is the error of reading a package whole, with its data held against the control stream.
func faultOf(file []byte, want apk.Expect) error {
	a, err := apk.OpenArchive(bytes.NewReader(file), want)
	if err == nil {
		_, err = io.Copy(io.Discard, a.Data)
	}
	return err
}

// isDamage reports whether an error is of the kinds that callers tell from other faults.
func isDamage(err error) bool {
	var trust *apk.TrustError
	var hash *apk.DigestError
	return errors.Is(err, apk.ErrDamaged) || errors.As(err, &trust) || errors.As(err, &hash)
}

func TestEachDamageOfAPackageIsToldAsDamage(t *testing.T) {
	t.Parallel()
	a := apktest.Build(t, fixture.Package{Name: "hello", Version: "1-r0", Files: []fixture.File{{Path: "x", Body: []byte("1")}}})
	file, p := a.Bytes(), apktest.Listed(t, a)
	ring := apktest.Ring(t, fixture.TestKey())
	for _, want := range []apk.Expect{{Package: p, Keyring: ring}, {Package: p}, {Keyring: ring}} {
		want.Name = "NAME"
		for i := range file {
			flipped := fixture.FlipByte(bytes.Clone(file), i)
			if err := faultOf(flipped, want); err != nil && !isDamage(err) {
				t.Errorf("byte %d flipped, %+v: %v is no damage", i, want, err)
			}
			if err := faultOf(file[:i], want); !isDamage(err) {
				t.Errorf("cut at byte %d, %+v: %v is no damage", i, want, err)
			}
		}
	}
}

func TestPackageThatIsAnotherIsDamage(t *testing.T) {
	t.Parallel()
	a := apktest.Build(t, hello())
	for name, change := range map[string]func(*apk.Package){
		"name":     func(p *apk.Package) { p.Name = "other" },
		"version":  func(p *apk.Package) { p.Version = "2-r0" },
		"checksum": func(p *apk.Package) { p.Checksum[0] ^= 1 },
	} {
		p := *apktest.Listed(t, a)
		change(&p)
		if err := faultOf(a.Bytes(), apk.Expect{Package: &p}); !isDamage(err) {
			t.Errorf("another %s: %v is no damage", name, err)
		}
	}
}

// The error of where the bytes come from is not blamed on the bytes.
func TestSourcesErrorIsNoDamage(t *testing.T) {
	t.Parallel()
	file := apktest.Build(t, hello()).Bytes()
	cause := errors.New("the mirror went away")
	for _, n := range []int{0, 20, len(file) / 2} {
		r := io.MultiReader(bytes.NewReader(file[:n]), brokenReader{cause})
		_, err := apk.OpenArchive(r, apk.Expect{Name: "NAME"})
		if !errors.Is(err, cause) || isDamage(err) {
			t.Errorf("after %d bytes: %v, want the source's own error", n, err)
		}
	}
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }
