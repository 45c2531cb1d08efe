package layers

import (
	"archive/tar"
	"fmt"
	"io"
	"iter"
	"maps"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
)

// A scanner reads one tar and notes its members.
//
// Docker, podman and umoci unpack layers with Go's archive/tar, and so does this scanner, so they read odd archives
// alike. Tried with all three: an archive without its end mark, folders without an entry, a folder after its files, a
// hard link to a hard link. archive/tar does not show bytes after the NUL of a link target, which apk writes.
type scanner struct {
	tools   *tools
	entries encoder
	count   int
	implied int // folders that no member makes
	faults  []Fault
	seen    map[string]member // by path
	head    [maxInterpreterLine]byte
	elf     elfReader
	foreign bool // the layer is of a foreign image and will not be stored: a forbidden member is a fault
}

// A member is what the scanner remembers of a member for later members of the same archive.
type member struct {
	kind kind
	elf  *ELF
	kept []byte
}

type kind uint8

const (
	implied   kind = iota + 1 // a folder that contains members and has no member of its own so far
	directory                 // a folder
	regular                   // a file, or a hard link to one
	other                     // a symlink, a device
)

func newScanner(t *tools) *scanner { return &scanner{tools: t, seen: map[string]member{}} }

// scan reads the tar in r up to its end mark.
func (s *scanner) scan(r io.Reader) error {
	defer s.elf.close()
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &DamageError{fmt.Errorf("after %d members: %w", s.count, err)}
		}
		if err := s.member(h, tr); err != nil {
			return fmt.Errorf("member %q: %w", h.Name, err)
		}
	}
}

func (s *scanner) member(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		s.fault(FaultGlobalHeader, "", "")
		return nil
	}
	p, err := s.admit(h)
	if err != nil {
		return err
	}
	m, err := s.content(p, h, content)
	if err != nil {
		return err
	}
	return s.note(p, h, m)
}

// admit checks a member by its header, and returns its path.
func (s *scanner) admit(h *tar.Header) (p string, err error) {
	if err := checkMember(h, maps.Keys(h.PAXRecords)); err != nil {
		if !s.foreign {
			return "", &MemberError{err}
		}
		s.fault(FaultForbidden, cleanName(h.Name), err.(refusal).detail()) //nolint:errorlint // checkMember returns nothing else
	}
	if s.count++; s.count > maxEntries {
		return "", &DamageError{fmt.Errorf("the archive has more than %d members", maxEntries)}
	}
	p = cleanName(h.Name)
	s.faultsOf(p, h)
	h.Mode &= 0o7777 // old archives have the type in it, too
	return p, nil
}

// note adds a member whose content is read.
func (s *scanner) note(p string, h *tar.Header, m member) error {
	s.addPath(p, m)
	if s.count+s.implied > maxEntries {
		return &DamageError{fmt.Errorf("the archive has more than %d members, with the folders that their names imply", maxEntries)}
	}
	s.entries.entry(Entry{Header: h, Kept: m.kept, ELF: m.elf})
	if len(s.entries) > maxFacts {
		return &DamageError{fmt.Errorf("names, attributes and accounts of the archive take more than %d bytes", maxFacts)}
	}
	return nil
}

// A MemberError says that an archive has a member which no layer may have: it would reach out of its root, delete files
// of other layers, link to a missing file, or could be unpacked in different ways.
type MemberError struct{ Err error }

func (e *MemberError) Error() string { return e.Err.Error() }
func (e *MemberError) Unwrap() error { return e.Err }

// ExitCode is exit.Unverified.
func (e *MemberError) ExitCode() exit.Code { return exit.Unverified }

// checkMember returns an error if no layer may have a member with this header and PAX records of these names, whatever
// the other members are. The error is a refusal.
func checkMember(h *tar.Header, records iter.Seq[string]) error {
	if err := checkName(h.Name); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeLink:
		if err := checkName(h.Linkname); err != nil {
			return err.(refusal).target(h.Linkname) //nolint:errorlint // checkName returns nothing else
		}
	case tar.TypeSymlink:
		if h.Linkname == "" || len(h.Linkname) > maxName || hasControl(h.Linkname) {
			return refusal{refusedSymlink, h.Linkname}
		}
	}
	if hasControl(h.Uname) || hasControl(h.Gname) {
		return refusal{refusedOwner, ""}
	}
	if mark := overlayMark(h, records); mark != "" {
		return refusal{refusedOverlay, mark}
	}
	return nil
}

func (s *scanner) fault(code FaultCode, p, detail string) {
	if len(s.faults) < maxFaults {
		s.faults = append(s.faults, Fault{code, p, detail})
	}
}

// faultsOf notes why a member cannot be unpacked, or not in the same way by every runtime.
func (s *scanner) faultsOf(p string, h *tar.Header) {
	switch tidy := tidyName(p, h.Typeflag == tar.TypeDir); {
	case p == "":
		s.fault(FaultRoot, p, "")
	case strings.HasPrefix(h.Name, "./"):
		s.fault(FaultDotSlash, p, "")
	case h.Name != tidy && h.Name != p:
		s.fault(FaultName, p, h.Name)
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeLink, tar.TypeSymlink, tar.TypeDir, tar.TypeFifo, tar.TypeGNUSparse:
	case tar.TypeChar, tar.TypeBlock:
		s.fault(FaultDevice, p, "")
	default:
		s.fault(FaultType, p, string(rune(h.Typeflag)))
	}
	if Sparse(h) {
		s.fault(FaultSparse, p, "")
	}
	if !validOwner(h.Uid) || !validOwner(h.Gid) {
		s.fault(FaultOwner, p, fmt.Sprintf("%d:%d", h.Uid, h.Gid))
	}
}

func validOwner(id int) bool { return id >= 0 && int64(id) <= maxOwner }

// Sparse reports whether the member's content is stored with holes, in one of the GNU formats.
func Sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, paxSparse) {
			return true
		}
	}
	return false
}

// addPath notes the member at p. It notes a fault if the member does not fit to earlier ones.
func (s *scanner) addPath(p string, m member) {
	if p == "" {
		return
	}
	switch old := s.seen[p].kind; {
	case old == implied && m.kind != directory:
		s.fault(FaultNotFolder, p, "")
	case old > implied:
		s.fault(FaultTwice, p, "")
	}
	s.seen[p] = m
	for dir := range parents(p) {
		known, ok := s.seen[dir]
		if known.kind > directory {
			s.fault(FaultBelow, p, dir)
		}
		if ok {
			return // its own parents are noted already
		}
		s.seen[dir] = member{kind: implied}
		s.implied++
	}
}

// content reads the member's content and returns its facts.
func (s *scanner) content(p string, h *tar.Header, r io.Reader) (member, error) {
	switch h.Typeflag {
	case tar.TypeDir:
		return member{kind: directory}, nil
	case tar.TypeGNUSparse:
		h.Typeflag = tar.TypeReg // what it unpacks to
		return member{kind: regular}, nil
	case tar.TypeLink:
		target, ok := s.seen[cleanName(h.Linkname)]
		if s.foreign && !ok {
			return member{kind: regular}, nil // its target may be in a layer below
		}
		if !ok || target.kind != regular {
			return member{}, &MemberError{fmt.Errorf("hard link to %q, which is not an earlier regular file of the archive", h.Linkname)}
		}
		return target, nil
	case tar.TypeReg:
		if Sparse(h) { // its holes could be huge, and it is a fault anyway
			return member{kind: regular}, nil
		}
		return s.file(p, h, r)
	}
	return member{kind: other}, nil
}

func (s *scanner) file(p string, h *tar.Header, r io.Reader) (member, error) {
	m := member{kind: regular}
	if h.Size > maxTarSize {
		return m, &DamageError{fmt.Errorf("a file of %d bytes is more than %d", h.Size, int64(maxTarSize))}
	}
	head := s.head[:min(h.Size, int64(len(s.head)))]
	if _, err := io.ReadFull(r, head); err != nil {
		return m, noEOF(err)
	}
	var err error
	switch {
	case isELF(head):
		m.elf, err = s.elf.read(s.tools, head, r, h.Size, s.tools.content.imports(p))
	case s.tools.content.whole(p, h.Size):
		m.kept = append(make([]byte, 0, h.Size), head...)
		m.kept = m.kept[:h.Size]
		_, err = io.ReadFull(r, m.kept[len(head):])
	default:
		m.kept = interpreterLine(h, head)
	}
	return m, noEOF(err)
}

// tidyName returns a member's name in the form that every reader reads in the same way.
func tidyName(p string, dir bool) string {
	if dir && p != "" {
		return p + "/"
	}
	return p
}
