package apk

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha1"
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
)

// Control is a package's control stream: its .PKGINFO and its scripts.
type Control struct {
	Raw      []byte   // the gzip stream as the archive has it
	Checksum Checksum // of Raw
	Info     Info
	DataHash string // SHA-256 of the raw data stream, in hex; may be "" if the data stream is empty
	Scripts  []Script
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
	t := newTap(bytes.NewReader(raw), maxControlRaw)
	err := t.inflate(maxControlPlain, func(r io.Reader) error { return c.readMembers(tar.NewReader(r)) })
	if err != nil {
		return nil, fmt.Errorf("control stream: %w", err)
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
		if h.Name == infoFile {
			err = c.readInfo(tr)
		} else if kind, ok := strings.CutPrefix(h.Name, "."); ok && slices.Contains(ScriptTypes(), kind) {
			err = c.readScript(kind, tr)
		}
		if err != nil {
			return err
		}
	}
}

func (c *Control) readScript(kind string, r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("script %s: %w", kind, err)
	}
	c.Scripts = append(c.Scripts, Script{Type: kind, Content: content})
	return nil
}

// readInfo reads the lines of a .PKGINFO: "key = value", or comments.
func (c *Control) readInfo(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxInfoLine)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		key, value, ok := strings.Cut(line, " = ")
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
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", infoFile, err)
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
