package apk

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Checksum identifies a package: the SHA-1 of its raw control stream.
// See apk-v2(5), the C: field.
type Checksum [sha1.Size]byte

const checksumPrefix = "Q1" // SHA-1 in base64, the only form that v2 indexes use

// ParseChecksum reads a checksum as an index's C: field has it: "Q1" and base64.
func ParseChecksum(s string) (Checksum, error) {
	var c Checksum
	text, ok := strings.CutPrefix(s, checksumPrefix)
	if !ok || len(text) != base64.StdEncoding.EncodedLen(len(c)) {
		return Checksum{}, fmt.Errorf("parsing checksum %q: want %q and 28 characters of base64", s, checksumPrefix)
	}
	// Decode into a buffer one byte larger: DecodedLen counts the padding.
	var raw [len(c) + 1]byte
	n, err := base64.StdEncoding.Decode(raw[:], []byte(text))
	if err != nil || n != len(c) {
		return Checksum{}, fmt.Errorf("parsing checksum %q: want %q and the base64 of %d bytes", s, checksumPrefix, len(c))
	}
	copy(c[:], raw[:])
	return c, nil
}

// String returns the checksum as an index's C: field has it.
func (c Checksum) String() string {
	return checksumPrefix + base64.StdEncoding.EncodeToString(c[:])
}

// Package is an index's entry for one package. See apk-v2(5).
type Package struct {
	Name, Version, Arch string
	Checksum            Checksum
	Size                int64 // of the .apk file, in bytes
	InstalledSize       int64 // of its files, in bytes

	Description, URL, License, Origin, Maintainer, Commit string

	BuildTime        int64 // seconds since 1970
	ProviderPriority int   // chooses between packages that provide the same name without a version

	Depends, Provides, InstallIf []Dependency

	Repository *Repository // of the index that lists it; nil outside an index

	refused string // why apk would never install it; mostly ""
	tooNew  string // why apk-tools 3 would not install it; apk-tools 2 does
}

// String returns the package's name and version as apk writes them, NAME-VERSION.
func (p *Package) String() string { return p.Name + "-" + p.Version }

// HasFileName reports whether the name, the version and the architecture can be parts of a file's path. An index may
// list a package for which they cannot; Solve never chooses it.
func (p *Package) HasFileName() bool {
	return validName(p.Name) && validName(p.Version) && validName(p.Arch)
}

// validName reports whether s may name a package, a version or an architecture: it has only the characters that Alpine
// uses for these, and does not lead out of a folder.
func validName(s string) bool {
	return s != "" && len(s) <= maxVersion && s != "." && !strings.Contains(s, "..") && !strings.ContainsFunc(s, notInName)
}

func notInName(r rune) bool {
	return !(r < utf8.RuneSelf && (isDigit(byte(r)) || isLower(byte(r)) || 'A' <= r && r <= 'Z' || strings.ContainsRune("+-._~:", r)))
}

// harmless returns s with "?" for each character that validName does not accept.
func harmless(s string) string {
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if notInName(r) {
			return '?'
		}
		return r
	}, s), "..", "??")
}

// URLs returns the package's addresses: MIRROR/ARCH/NAME-VERSION.apk for each mirror of its repository, in the
// repository's order. It is empty for a package outside an index.
func (p *Package) URLs() []string {
	if p.Repository == nil {
		return nil
	}
	urls := make([]string, len(p.Repository.Mirrors))
	for i, m := range p.Repository.Mirrors {
		urls[i] = m + "/" + p.Arch + "/" + p.Name + "-" + p.Version + ".apk"
	}
	return urls
}

// Repository is a set of packages that one or more mirrors serve.
type Repository struct {
	Mirrors []string // each has ARCH/APKINDEX.tar.gz below it: an http(s) URL or a directory, without a trailing slash
	Tag     string   // without "@"; packages of a tagged repository are chosen only if world names the tag
}
