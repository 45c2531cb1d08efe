package apk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds for the text of an index, which may come from an attacker.
const (
	maxIndexLine   = 1 << 20   // bytes; Alpine's longest, of linux-firmware, is some 10 KiB
	maxIndexRecord = 4 << 20   // bytes a package
	maxIndexText   = 512 << 20 // bytes in all; Alpine's community is some 12 MiB
)

// ParseIndex reads the text of an APKINDEX and calls fn for each package, in the order of the text. The caller sets
// Package.Repository. ParseIndex stops at the first error: its own, which names the line, or one that fn returns.
//
// ParseIndex also calls fn for packages that apk would list but never install; Solve does not choose them. Such a
// package needs a newer apk, has an entry that cannot be read, or has a name that could do harm in a path or on a
// terminal. In such a name, "?" replaces the harmful characters.
func ParseIndex(r io.Reader, fn func(*Package) error) error {
	return parseIndex(r, func() *Package { return new(Package) }, fn)
}

// parseIndex is ParseIndex into the empty packages that room returns.
func parseIndex(r io.Reader, room func() *Package, fn func(*Package) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxIndexLine)
	parser := newRecordParser()
	var record []byte
	number, total := 0, 0
	flush := func() error {
		if len(record) == 0 {
			return nil
		}
		p := room()
		if err := parser.parse(p, string(record), number-bytes.Count(record, []byte{'\n'})); err != nil {
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
			return fmt.Errorf("parsing index, line %d: the text is too long: at most %d bytes in all and %d for one package are possible",
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

// parse reads one package into p. All its strings are parts of text, so a package costs few allocations. Each line ends in
// '\n'; line is the number of the first one. If a value cannot be read, only this package is refused; the other
// packages of the index stay usable.
func (r *recordParser) parse(p *Package, text string, line int) error {
	hasChecksum := false
	for field := range strings.SplitSeq(text[:len(text)-1], "\n") {
		if len(field) < 2 || field[1] != ':' {
			return fmt.Errorf("parsing index, line %d: expected a letter, a colon and a value, not %.40q", line, field)
		}
		r.set(p, field[0], field[2:])
		hasChecksum = hasChecksum || field[0] == 'C'
		line++
	}
	if !hasChecksum {
		p.refuse("its index entry has no checksum (C:)")
	}
	p.checkNames(line - 1)
	return nil
}

// refuse notes why apk would never install the package. Only the first reason counts.
func (p *Package) refuse(format string, values ...any) {
	if p.refused == "" {
		p.refused = fmt.Sprintf(format, values...)
	}
}

// checkNames refuses a package whose name, version or architecture could do harm in a path or a message, and replaces
// the harmful characters. end is the package's last line.
func (p *Package) checkNames(end int) {
	for _, name := range []struct {
		of    string
		value *string
	}{{"name (P:)", &p.Name}, {"version (V:)", &p.Version}, {"architecture (A:)", &p.Arch}} {
		switch v := *name.value; {
		case v == "" && name.value == &p.Arch: // it is the index's architecture
		case v == "":
			p.refuse("its index entry, which ends at line %d, has no %s", end, name.of)
			*name.value = "?"
		case !validName(v):
			p.refuse("its index entry has the %s %.80q, which is not valid", name.of, v)
			*name.value = harmless(v)
		}
	}
}

// A recordParser finds fields by their letters.
type recordParser struct{ byLetter [128]*field }

func newRecordParser() *recordParser {
	r := new(recordParser)
	all := fields()
	for i := range all {
		r.byLetter[all[i].letter] = &all[i]
	}
	return r
}

// set stores one field of an entry. It skips the letters of the installed database, and unknown small letters. An
// unknown capital letter means that apk-tools 3 must not install the package.
func (r *recordParser) set(p *Package, letter byte, value string) {
	if int(letter) < len(r.byLetter) && r.byLetter[letter] != nil {
		r.byLetter[letter].setListed(p, value)
		return
	}
	switch letter {
	case 'F', 'M', 'R', 'Z':
	default:
		if !isLower(letter) {
			p.tooNew = fmt.Sprintf("its index entry has the field %q, which needs a newer apk", letter)
		}
	}
}
