package apk

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"github.com/pyimg/pyimg/internal/mismatch"
)

const (
	maxControlRaw   = 4 << 20  // Alpine's largest takes some 100 KiB: thousands of provides
	maxControlPlain = 32 << 20 // bounds what a small raw stream may inflate to
)

// Expect describes the expected archive and who may have signed it.
type Expect struct {
	Package *Package // the package of the index; nil for an archive that no index lists
	Keyring *Keyring // nil accepts any signature or none
	Name    string   // its URL, for errors
	// DataUnchecked is for a caller that hashes the data anyway and compares it with Control.DataHash itself.
	DataUnchecked bool
}

// Archive is a package archive of apk v2, read up to its data.
type Archive struct {
	// Signature is the raw signature stream, nil if there is none. The archive is this stream, the raw bytes of the
	// control stream, and the data stream.
	Signature []byte
	Control   *Control

	// Data reads the raw bytes of the data stream: one or more gzip members of one tar. At the end it compares them
	// with the control stream's hash. If they differ, it returns a *DigestError instead of io.EOF. That error wraps
	// io.ErrUnexpectedEOF if the archive is too short.
	Data io.Reader
}

// DigestError says that bytes do not have the expected checksum. Cause is io.ErrUnexpectedEOF for an archive that is too
// short.
type DigestError = mismatch.Error

// wrongChecksum is the error for an archive, a part of which is not what the index or the control stream says.
func wrongChecksum(name, part, want, got string) *DigestError {
	return &DigestError{Name: name, What: "the checksum of its " + part, Want: want, Got: got,
		Advice: "it was altered, or replaced under the same name: refresh the index or try another mirror"}
}

// OpenArchive reads an archive in one pass. It reads the signature and control streams at once; the caller reads the
// data from Archive.Data.
//
// The control stream must have the checksum of want.Package, and the data must have the hash that the control stream
// names. So an archive that an index lists is as trusted as the index. If the keyring has the key of the archive's own
// signature, OpenArchive checks that, too. If no index lists the archive, its own signature must be valid.
func OpenArchive(r io.Reader, want Expect) (*Archive, error) {
	t := newTap(r, math.MaxInt64)
	if t.startsWith(adbMagic) {
		return nil, fmt.Errorf("reading package %q: it is of apk v3 (ADB), which is not supported yet; only v2 is", want.Name)
	}
	sigs, signature, err := rawSignatures(t)
	if err != nil {
		return nil, fmt.Errorf("reading package %q: %w", want.Name, err)
	}
	raw, err := t.member(maxControlRaw, maxControlPlain)
	if err != nil {
		return nil, fmt.Errorf("reading package %q: control stream: %w", want.Name, err)
	}
	if err := want.check(raw); err != nil {
		return nil, err
	}
	control, err := ParseControl(raw)
	if err != nil {
		return nil, fmt.Errorf("reading package %q: %w", want.Name, err)
	}
	if err := want.verify(raw, sigs, control.Info); err != nil {
		return nil, err
	}
	if want.DataUnchecked {
		return &Archive{Signature: signature, Control: control, Data: t}, nil
	}
	data := &dataReader{t: t, name: want.Name, want: control.DataHash, hash: sha256.New()}
	if want.Package != nil {
		data.size = want.Package.Size
	}
	return &Archive{Signature: signature, Control: control, Data: data}, nil
}

// rawSignatures is leadingSignatures that also returns the raw bytes of the stream.
func rawSignatures(t *tap) ([]signature, []byte, error) {
	var raw bytes.Buffer
	if err := t.divert(&raw); err != nil {
		return nil, nil, err
	}
	was := t.max
	t.max = t.pos() + maxSignatureStream
	sigs, err := leadingSignatures(t)
	t.max, t.sink = was, io.Discard
	return sigs, raw.Bytes(), err
}

// check compares the control stream with the index, before anything looks inside it.
func (want Expect) check(raw []byte) error {
	if want.Package == nil {
		return nil
	}
	if got := Checksum(sha1.Sum(raw)); got != want.Package.Checksum {
		return wrongChecksum(want.Name, "control stream", want.Package.Checksum.String(), got.String())
	}
	return nil
}

// verify compares the control stream's .PKGINFO with the index, and checks the signature.
//
//nolint:contextcheck // a missing key was fetched long before, when the index was read
func (want Expect) verify(raw []byte, sigs []signature, info Info) error {
	arch := info.Arch
	if p := want.Package; p != nil {
		// The architecture may differ: a noarch package is listed under its repository's.
		if info.Name != p.Name || info.Version != p.Version {
			return fmt.Errorf("reading package %q: %w: it is %s-%s, but the index lists it as %s", want.Name, ErrDamaged, info.Name, info.Version, p)
		}
		arch = p.Arch
	}
	if want.Keyring == nil {
		return nil
	}
	if arch == noarch {
		arch = "" // built once, by whichever architecture's builder
	}
	if want.Package != nil {
		sigs = want.Keyring.known(sigs, arch)
		if len(sigs) == 0 {
			return nil // it is as trusted as the index
		}
	}
	v := newVerifier(want.Name, sigs)
	if _, err := v.Write(raw); err != nil {
		return err
	}
	return v.verify(context.Background(), want.Keyring, arch)
}

// known returns the signatures that name a key of the ring which may sign for arch.
func (r *Keyring) known(sigs []signature, arch string) []signature {
	var known []signature
	for _, s := range sigs {
		if len(signing(r.trusted(s.hint), arch)) > 0 {
			known = append(known, s)
		}
	}
	return known
}

// A dataReader reads the data stream and checks its hash at the end.
type dataReader struct {
	t    *tap
	name string
	want string // hex; "" if the control stream names no hash
	size int64  // of the whole archive, 0 if unknown; only explains a wrong hash
	hash hash.Hash
	n    int64
	err  error
}

func (d *dataReader) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.t.Read(p)
	d.n += int64(n)
	d.hash.Write(p[:n]) // never fails, see hash.Hash
	if errors.Is(err, io.EOF) {
		err = d.judge()
	}
	d.err = err
	return n, err
}

func (d *dataReader) judge() error {
	if d.want == "" {
		if d.n == 0 {
			return io.EOF
		}
		return fmt.Errorf("reading package %q: %w: its .PKGINFO has no datahash, so its files cannot be checked", d.name, ErrDamaged)
	}
	got := hex.EncodeToString(d.hash.Sum(nil))
	if got == d.want {
		return io.EOF
	}
	fault := wrongChecksum(d.name, "data", d.want, got)
	if d.t.pos() < d.size {
		fault.Cause, fault.Advice = fmt.Errorf("truncated: %w", io.ErrUnexpectedEOF), ""
	}
	return fault
}
