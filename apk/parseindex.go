package apk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds for the text of an index, which may come from anywhere.
const (
	maxIndexLine   = 1 << 20   // bytes; Alpine's longest, of linux-firmware, is some 10 KiB
	maxIndexRecord = 4 << 20   // bytes a package
	maxIndexText   = 512 << 20 // bytes in all; Alpine's community is some 12 MiB
)

// ParseIndex reads the text of an APKINDEX and gives each package to fn, in the order of the
// text. Package.Repository is for the caller to set. It stops at the first error, its own,
// which name the line, or fn's.
//
// A package that apk would list but never install is given to fn too, and Solve does not choose it: one that needs a newer
// apk, or whose entry cannot be read or has a name that could do harm in a path or on a terminal. Such a name is given with
// "?" in the place of what is wrong with it.
func ParseIndex(r io.Reader, fn func(*Package) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxIndexLine)
	parser := newRecordParser()
	var record []byte
	number, total := 0, 0
	flush := func() error {
		if len(record) == 0 {
			return nil
		}
		p, err := parser.parse(string(record), number-bytes.Count(record, []byte{'\n'}))
		if err != nil {
			return err
		}
		record = record[:0]
		return fn(p)
	}
	for lines.Scan() {
		number++
		line := lines.Bytes()
		total += len(line) + 1
		if total > maxIndexText || len(record)+len(line) > maxIndexRecord {
			return fmt.Errorf("parsing index, line %d: too much text: more than %d bytes in all or %d for one package",
				number, maxIndexText, maxIndexRecord)
		}
		if len(line) >= 2 { // apk ends a package at a shorter line
			record = append(append(record, line...), '\n')
			continue
		}
		if err := flush(); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("parsing index, line %d: truncated: %w", number+1, err)
	case err != nil:
		return fmt.Errorf("parsing index, line %d: %w", number+1, err)
	}
	number++
	return flush()
}

// parse reads one package; all its strings are parts of text, so that a package costs few allocations. Its lines, the
// first of which is number line, each end in '\n'. A field with a value that cannot be read makes the package one that is
// not installed: the other packages of the index are none the worse for it.
func (r *recordParser) parse(text string, line int) (*Package, error) {
	p := new(Package)
	hasChecksum := false
	for field := range strings.SplitSeq(text[:len(text)-1], "\n") {
		if len(field) < 2 || field[1] != ':' {
			return nil, fmt.Errorf("parsing index, line %d: want a letter, a colon and a value, have %.40q", line, field)
		}
		r.set(p, field[0], field[2:])
		hasChecksum = hasChecksum || field[0] == 'C'
		line++
	}
	if !hasChecksum {
		p.refuse("its index entry has no checksum (C:)")
	}
	p.checkNames(line - 1)
	return p, nil
}

// refuse notes why apk would never install the package. The first reason stays.
func (p *Package) refuse(format string, values ...any) {
	if p.refused == "" {
		p.refused = fmt.Sprintf(format, values...)
	}
}

// checkNames refuses a package whose name, version or architecture could not be part of a path or of a message, and
// replaces what they have of that kind. end is the package's last line.
func (p *Package) checkNames(end int) {
	for _, name := range []struct {
		of    string
		value *string
	}{{"name (P:)", &p.Name}, {"version (V:)", &p.Version}, {"architecture (A:)", &p.Arch}} {
		switch v := *name.value; {
		case v == "" && name.value == &p.Arch: // the index's own
		case v == "":
			p.refuse("its index entry, which ends at line %d, has no %s", end, name.of)
			*name.value = "?"
		case !validName(v):
			p.refuse("its index entry has the %s %.80q, which no package has", name.of, v)
			*name.value = harmless(v)
		}
	}
}

// A recordParser has the fields by their letters.
type recordParser struct{ byLetter [128]*field }

func newRecordParser() *recordParser {
	r := new(recordParser)
	all := fields()
	for i := range all {
		r.byLetter[all[i].letter] = &all[i]
	}
	return r
}

// set takes one field of an entry. The letters that only the installed database has are passed over; so are unknown small
// ones, while an unknown capital marks a package that an apk-tools 3 which does not know it must not install.
func (r *recordParser) set(p *Package, letter byte, value string) {
	if int(letter) < len(r.byLetter) && r.byLetter[letter] != nil {
		r.byLetter[letter].setListed(p, value)
		return
	}
	switch letter {
	case 'F', 'M', 'R', 'Z':
	default:
		if !isLower(letter) {
			p.tooNew = fmt.Sprintf("its index entry has the field %q, which takes a newer apk", letter)
		}
	}
}
