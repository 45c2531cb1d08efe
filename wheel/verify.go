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
	SHA256 [sha256.Size]byte
	ELF    bool // it begins as an ELF file does
}

// elfMagic is how an ELF file begins.
const elfMagic = "\x7fELF"

// Verify unpacks every file once and checks its CRC-32, its size, and its hashes
// and sizes in RECORD. Files that RECORD does not list pass, as with pip. The
// result has one Sum for each member of the archive.
//
// The bytes of ELF files are also written to what tap returns for them, in the
// same pass; tap may be nil, and return nil.
func (w *Wheel) Verify(ctx context.Context, tap func(archive.Member) io.Writer) ([]Sum, error) {
	v := w.Verifier()
	v.tap = tap
	return v.Rest(ctx)
}

// A Verifier verifies members while somebody else unpacks them for another purpose,
// one after the other, so that they are unpacked once.
type Verifier struct {
	wheel *Wheel
	rows  map[string][]distinfo.Row // of RECORD, by path
	sums  []Sum
	done  []bool
	tap   func(archive.Member) io.Writer

	current int       // the member that is being written; -1 is none
	sha256  hash.Hash // of it
	sink    sink
	checks  []check
}

// Verifier returns a Verifier of the wheel.
func (w *Wheel) Verifier() *Verifier {
	rows := make(map[string][]distinfo.Row, len(w.Record))
	for _, r := range w.Record {
		rows[r.Path] = append(rows[r.Path], r)
	}
	// RECORD and its signatures cannot have their own hashes.
	for _, name := range []string{"RECORD", "RECORD.jws", "RECORD.p7s"} {
		delete(rows, w.DistInfo+"/"+name)
	}
	n := len(w.Archive.Members)
	return &Verifier{wheel: w, rows: rows, sums: make([]Sum, n), done: make([]bool, n), current: -1, sha256: sha256.New()}
}

// Member returns a writer that takes the content of the member with this index in
// the archive. Its Close says whether that is what RECORD says; the caller checks
// its CRC-32. One member must be closed before the next is written.
func (v *Verifier) Member(index int) io.WriteCloser { return memberWriter{v, index} }

type memberWriter struct {
	v     *Verifier
	index int
}

func (m memberWriter) Write(p []byte) (int, error) {
	if m.v.current != m.index {
		if err := m.v.begin(m.index); err != nil {
			return 0, err
		}
	}
	return m.v.sink.Write(p)
}

func (m memberWriter) Close() error {
	if m.v.current != m.index { // it is empty
		if err := m.v.begin(m.index); err != nil {
			return err
		}
	}
	return m.v.end()
}

// Rest unpacks and verifies the members that were not written. It returns the sums
// of all.
func (v *Verifier) Rest(ctx context.Context) ([]Sum, error) {
	inflater := v.wheel.Archive.Inflater()
	defer inflater.Close()
	for i, m := range v.wheel.Archive.Members {
		if v.done[i] || m.Dir {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w := v.Member(i)
		err := inflater.Copy(w, m)
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("verifying wheel %q: %w", v.wheel.Filename.Text, err)
		}
	}
	return v.sums, nil
}

// begin compares the size in RECORD, and makes ready what the content is written to.
func (v *Verifier) begin(index int) error {
	m := v.wheel.Archive.Members[index]
	v.current = index
	v.sha256.Reset()
	v.sink = sink{to: append(v.sink.to[:0], v.sha256), member: m, tap: v.tap, head: v.sink.head[:0]}
	v.checks = v.checks[:0]
	for _, r := range v.rows[m.Name] {
		if n, err := r.Bytes(); err != nil || n >= 0 && n != m.Size {
			return fmt.Errorf("RECORD has the size %s for %q, which has %d bytes", r.Size, m.Name, m.Size)
		}
		newHash, digest, err := r.Sum()
		if err != nil {
			return err
		}
		if newHash == nil {
			continue
		}
		c := check{v.sha256, digest, r.Hash}
		if len(digest) != sha256.Size {
			c.hash = newHash()
			v.sink.to = append(v.sink.to, c.hash)
		}
		if v.checks = append(v.checks, c); len(v.checks) > maxHashes {
			return fmt.Errorf("RECORD has more than %d hashes for %q", maxHashes, m.Name)
		}
	}
	return nil
}

// end compares the hashes in RECORD with those of what was written.
func (v *Verifier) end() error {
	index := v.current
	v.current = -1
	s := &v.sums[index]
	v.sha256.Sum(s.SHA256[:0])
	s.ELF = string(v.sink.head) == elfMagic
	for _, c := range v.checks {
		got := s.SHA256[:]
		if c.hash != v.sha256 {
			got = c.hash.Sum(nil)
		}
		if !bytes.Equal(got, c.want) {
			return fmt.Errorf("the hash of %q is not that in RECORD, %s", v.wheel.Archive.Members[index].Name, c.text)
		}
	}
	v.done[index] = true
	return nil
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
	head   []byte // the first bytes, as many as elfMagic has
}

func (s *sink) Write(p []byte) (int, error) {
	if len(s.head) < len(elfMagic) {
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
	s.head = append(s.head, p[:min(len(p), len(elfMagic)-earlier)]...)
	if s.tap == nil || string(s.head) != elfMagic {
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
