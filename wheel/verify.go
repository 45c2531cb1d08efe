package wheel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/distinfo"
)

// Sum is what Verify learnt of a member.
type Sum struct {
	SHA256  [sha256.Size]byte
	ELF     bool // it begins as an ELF file does
	Shebang bool // it begins with "#!python", which an installer replaces
}

// How the files begin that Verify looks for.
const (
	elfMagic    = "\x7fELF"
	shebang     = "#!python"
	longestHead = len(shebang)
)

// Verify unpacks every file once and checks its CRC-32, its size, and its hashes
// and sizes in RECORD. Files that RECORD does not list pass, as with pip. The
// result has one Sum for each member of the archive.
//
// The bytes of ELF files are also written to what tap returns for them, in the
// same pass; tap may be nil, and return nil.
func (w *Wheel) Verify(ctx context.Context, tap func(archive.Member) io.Writer) ([]Sum, error) {
	rows := make(map[string][]distinfo.Row, len(w.Record))
	for _, r := range w.Record {
		rows[r.Path] = append(rows[r.Path], r)
	}
	// RECORD and its signatures cannot have their own hashes.
	for _, name := range []string{"RECORD", "RECORD.jws", "RECORD.p7s"} {
		delete(rows, w.DistInfo+"/"+name)
	}
	sums := make([]Sum, len(w.Archive.Members))
	inflater := w.Archive.Inflater()
	v := verifier{sum: sha256.New(), tap: tap}
	for i, m := range w.Archive.Members {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if m.Dir {
			continue
		}
		var err error
		if sums[i], err = v.verify(inflater, m, rows[m.Name]); err != nil {
			return nil, fmt.Errorf("verifying wheel %q: %w", w.Filename.Text, err)
		}
	}
	return sums, nil
}

// verifier hashes one member after the other.
type verifier struct {
	sum hash.Hash // SHA-256
	tap func(archive.Member) io.Writer
}

func (v *verifier) verify(inflater *archive.Inflater, m archive.Member, rows []distinfo.Row) (s Sum, err error) {
	v.sum.Reset()
	sink := sink{to: []io.Writer{v.sum}, member: m, tap: v.tap}
	checks := make([]check, 0, 1)
	for _, r := range rows {
		if n, err := r.Bytes(); err != nil || n >= 0 && n != m.Size {
			return s, fmt.Errorf("RECORD has the size %s for %q, which has %d bytes", r.Size, m.Name, m.Size)
		}
		newHash, digest, err := r.Sum()
		if err != nil {
			return s, err
		}
		if newHash == nil {
			continue
		}
		c := check{v.sum, digest, r.Hash}
		if len(digest) != sha256.Size {
			c.hash = newHash()
			sink.to = append(sink.to, c.hash)
		}
		if checks = append(checks, c); len(checks) > maxHashes {
			return s, fmt.Errorf("RECORD has more than %d hashes for %q", maxHashes, m.Name)
		}
	}
	if err := inflater.Copy(&sink, m); err != nil {
		return s, err
	}
	for _, c := range checks {
		if !bytes.Equal(c.hash.Sum(nil), c.want) {
			return s, fmt.Errorf("the hash of %q is not that in RECORD, %s", m.Name, c.text)
		}
	}
	v.sum.Sum(s.SHA256[:0])
	s.ELF, s.Shebang = string(sink.head[:min(len(sink.head), len(elfMagic))]) == elfMagic, string(sink.head) == shebang
	return s, nil
}

// maxHashes bounds how often RECORD can make pyimg hash one file.
const maxHashes = 8

// check is a hash that RECORD has.
type check struct {
	hash hash.Hash
	want []byte
	text string
}

// sink gives the bytes of a member to the hashes, and to the tap where they are
// those of an ELF file.
type sink struct {
	to     []io.Writer
	member archive.Member
	tap    func(archive.Member) io.Writer
	head   []byte // the first longestHead bytes
}

func (s *sink) Write(p []byte) (int, error) {
	if len(s.head) < longestHead {
		if err := s.learn(p); err != nil {
			return 0, err
		}
	}
	for _, w := range s.to {
		if _, err := w.Write(p); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// learn adds p to the first bytes. As soon as they are enough to know an ELF
// file, the tap joins the writers; it gets the bytes before p at once.
func (s *sink) learn(p []byte) error {
	earlier := len(s.head)
	s.head = append(s.head, p[:min(len(p), longestHead-earlier)]...)
	if s.tap == nil || earlier >= len(elfMagic) || len(s.head) < len(elfMagic) || string(s.head[:len(elfMagic)]) != elfMagic {
		return nil
	}
	w := s.tap(s.member)
	if w == nil {
		return nil
	}
	s.to = append(s.to, w)
	_, err := w.Write(s.head[:earlier])
	return err
}
