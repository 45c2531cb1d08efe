package apk

import (
	"archive/tar"
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

const (
	infoFile      = ".PKGINFO"
	maxInfoLine   = 1 << 20 // all provides may be in one line
	dataHashBytes = 32      // SHA-256
	maxMembers    = 1 << 18 // what is kept for RecallControl: nearly all packages have some 2 KiB
)

// Control is a package's control stream: its .PKGINFO and its scripts.
type Control struct {
	Raw      []byte   // the gzip stream as the archive has it
	Checksum Checksum // of Raw
	Info     Info
	DataHash string // SHA-256 of the raw data stream, in hex; may be "" if the data stream is empty
	Scripts  []Script

	members []byte // see Members
}

// Info is a package's .PKGINFO. See apk-package(5). Its Package has the fields that an index has, too. It lacks those
// that only an index has: the listed architecture, the checksum, the size and the repository.
type Info struct {
	Package
	Packager string

	Replaces         []Dependency // whose files it may overwrite
	ReplacesPriority int          // decides between packages that replace each other

	Triggers []string // globs of directories; see Script
}

// Script is a script that apk would run when a package is installed, upgraded or removed.
type Script struct {
	Type    string // one of ScriptTypes
	Content []byte
}

// ScriptTypes returns the types of scripts that a package may have, in the order of apk's database.
func ScriptTypes() []string {
	return []string{
		"pre-install", "post-install",
		"pre-deinstall", "post-deinstall",
		"pre-upgrade", "post-upgrade",
		"trigger",
	}
}

// ParseControl reads a control stream: one gzip member that holds a tar without an end mark.
func ParseControl(raw []byte) (*Control, error) {
	c := &Control{Raw: raw, Checksum: sha1.Sum(raw)}
	t := newTapOf(bytes.NewReader(raw), min(len(raw)+1, tapBuffer), maxControlRaw)
	err := t.inflate(maxControlPlain, func(r io.Reader) error { return c.readMembers(tar.NewReader(r)) })
	if err != nil {
		return nil, fmt.Errorf("control stream: %w", err)
	}
	return c.complete()
}

// Members returns the content of Raw that Control was made of, for [RecallControl]. It returns nil if that is very much.
func (c *Control) Members() []byte { return c.members }

// RecallControl is [ParseControl] for callers that have kept what Members returned: it does not inflate raw. members are trusted;
// if they are damaged, the result is an error or another package's.
func RecallControl(raw, members []byte) (*Control, error) {
	c := &Control{Raw: raw, Checksum: sha1.Sum(raw)}
	for rest := members; len(rest) > 0; {
		var part [2][]byte // name and content
		for i := range part {
			n, width := binary.Uvarint(rest)
			if width <= 0 || n > uint64(len(rest)-width) {
				return nil, fmt.Errorf("what was kept of a control stream: %w", ErrDamaged)
			}
			part[i], rest = rest[width:width+int(n)], rest[width+int(n):]
		}
		if err := c.take(string(part[0]), part[1]); err != nil {
			return nil, fmt.Errorf("control stream: %w", err)
		}
	}
	c.members = members
	return c.complete()
}

func (c *Control) complete() (*Control, error) {
	if len(c.members) > maxMembers {
		c.members = nil
	}
	if c.Info.Name == "" {
		return nil, fmt.Errorf("control stream: %w: it has no %s, so it is not a package of apk v2", ErrDamaged, infoFile)
	}
	return c, nil
}

func (c *Control) readMembers(tr *tar.Reader) error {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if kind, hidden := strings.CutPrefix(h.Name, "."); h.Name != infoFile && !(hidden && slices.Contains(ScriptTypes(), kind)) {
			continue
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		for _, part := range [][]byte{[]byte(h.Name), content} {
			c.members = append(binary.AppendUvarint(c.members, uint64(len(part))), part...)
		}
		if err := c.take(h.Name, content); err != nil {
			return err
		}
	}
}

// take reads a member that matters: .PKGINFO or a script.
func (c *Control) take(name string, content []byte) error {
	if name == infoFile {
		return c.readInfo(string(content))
	}
	c.Scripts = append(c.Scripts, Script{Type: strings.TrimPrefix(name, "."), Content: content})
	return nil
}

// readInfo reads the lines of a .PKGINFO: "key = value", or comments.
func (c *Control) readInfo(text string) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if len(line) > maxInfoLine {
			return fmt.Errorf("%s line %d: it is longer than %d bytes", infoFile, n, maxInfoLine)
		}
		key, value, ok := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), " = ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.ContainsFunc(value, isControl) {
			return fmt.Errorf("%s line %d: control character in the value of %q", infoFile, n, key)
		}
		if err := c.set(key, value); err != nil {
			return fmt.Errorf("%s line %d: %s: %w", infoFile, n, key, err)
		}
	}
	if c.Info.Name == "" || c.Info.Version == "" || strings.Contains(c.Info.Name+c.Info.Version, "/") {
		return fmt.Errorf("%s: pkgname %q, pkgver %q: expected a name and a version without a slash", infoFile, c.Info.Name, c.Info.Version)
	}
	return nil
}

// set stores one line of .PKGINFO. It skips unknown keys, as apk does.
func (c *Control) set(key, value string) (err error) {
	info := &c.Info
	switch key {
	case "packager":
		info.Packager = value
	case "triggers":
		info.Triggers = strings.Fields(value)
	case "datahash":
		c.DataHash, err = parseDataHash(value)
	case "replaces_priority":
		info.ReplacesPriority, err = strconv.Atoi(value)
	case "replaces":
		info.Replaces, err = appendDependencies(info.Replaces, value)
	default:
		all := fields()
		if i := slices.IndexFunc(all[:], func(f field) bool { return f.key == key }); i >= 0 && key != "" {
			err = all[i].setFromInfo(&info.Package, value)
		}
	}
	return err
}

func parseDataHash(s string) (string, error) {
	sum, err := hex.DecodeString(s)
	if err != nil || len(sum) != dataHashBytes {
		return "", fmt.Errorf("%q is not a SHA-256 in hex", s)
	}
	return hex.EncodeToString(sum), nil
}

// isControl reports whether r is a control character. apk does not accept these in names, and they must not reach a
// terminal.
func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
