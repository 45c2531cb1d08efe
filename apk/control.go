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
	maxInfoLine   = 1 << 20 // provides may stand in one line
	dataHashBytes = 32      // SHA-256
)

// Control is a package's control stream: what it says of itself, and its scripts.
type Control struct {
	Raw      []byte   // the gzip stream as it stands in the archive
	Checksum Checksum // of Raw
	Info     Info
	DataHash string // SHA-256 of the raw data stream, in hex; may be "" where there is none
	Scripts  []Script
}

// Info is a package's .PKGINFO. See apk-package(5). Of the Package it has what an index says too, but for what an index
// alone knows: the architecture that it is listed under, the checksum, the size and the repository.
type Info struct {
	Package
	Packager string

	Replaces         []Dependency // whose files it may overwrite
	ReplacesPriority int          // who wins among those that replace each other

	Triggers []string // globs of directories; see Script
}

// Script is what apk would run when a package comes or goes.
type Script struct {
	Type    string // one of ScriptTypes
	Content []byte
}

// ScriptTypes are the scripts that a package may have, in the order in which apk's database
// holds them.
func ScriptTypes() []string {
	return []string{
		"pre-install", "post-install",
		"pre-deinstall", "post-deinstall",
		"pre-upgrade", "post-upgrade",
		"trigger",
	}
}

// ParseControl reads a control stream: one gzip member that holds a tar without an end.
func ParseControl(raw []byte) (*Control, error) {
	c := &Control{Raw: raw, Checksum: sha1.Sum(raw)}
	t := newTap(bytes.NewReader(raw), maxControlRaw)
	err := t.inflate(maxControlPlain, func(r io.Reader) error { return c.readMembers(tar.NewReader(r)) })
	if err != nil {
		return nil, fmt.Errorf("control stream: %w", err)
	}
	if c.Info.Name == "" {
		return nil, fmt.Errorf("control stream: %w: no %s in it: it is no package of apk v2", ErrDamaged, infoFile)
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
		return fmt.Errorf("%s: pkgname %q, pkgver %q: names without a slash are wanted", infoFile, c.Info.Name, c.Info.Version)
	}
	return nil
}

// set takes one line of .PKGINFO. Keys that are not known are none of apk's either.
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
		return "", fmt.Errorf("%q is no SHA-256 in hex", s)
	}
	return hex.EncodeToString(sum), nil
}

// isControl says what apk does not accept in names either, and no terminal should see.
func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
