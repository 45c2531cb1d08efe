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

// ParseChecksum reads the form that an index's C: field has, "Q1" and base64.
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

// String is the checksum as an index's C: field has it.
func (c Checksum) String() string {
	return checksumPrefix + base64.StdEncoding.EncodeToString(c[:])
}

// Package is what an index says of one package. See apk-v2(5).
type Package struct {
	Name, Version, Arch string
	Checksum            Checksum
	Size                int64 // of the .apk file, in bytes
	InstalledSize       int64 // of its files, in bytes

	Description, URL, License, Origin, Maintainer, Commit string

	BuildTime        int64 // seconds since 1970
	ProviderPriority int   // decides among packages that provide one name without a version

	Depends, Provides, InstallIf []Dependency

	Repository *Repository // where it was listed; nil outside an index

	refused string // why apk would never install it, "" for nearly all
	tooNew  string // why apk-tools 3 would not; apk-tools 2 takes it
}

// String is the package's name and version as apk writes them, NAME-VERSION.
func (p *Package) String() string { return p.Name + "-" + p.Version }

// HasFileName reports whether the name, the version and the architecture are fit for the path of a file. An index may list
// a package for which they are not; Solve never chooses it.
func (p *Package) HasFileName() bool {
	return validName(p.Name) && validName(p.Version) && validName(p.Arch)
}

// validName reports whether s may name a package, a version or an architecture: it has only the characters that these have
// in Alpine, and leads out of no folder.
func validName(s string) bool {
	return s != "" && len(s) <= maxVersion && s != "." && !strings.Contains(s, "..") && !strings.ContainsFunc(s, notInName)
}

func notInName(r rune) bool {
	return !(r < utf8.RuneSelf && (isDigit(byte(r)) || isLower(byte(r)) || 'A' <= r && r <= 'Z' || strings.ContainsRune("+-._~:", r)))
}

// harmless is s with "?" for each character that no name has.
func harmless(s string) string {
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if notInName(r) {
			return '?'
		}
		return r
	}, s), "..", "??")
}

// URLs says where the package can be had: MIRROR/ARCH/NAME-VERSION.apk for each mirror of
// its repository, in the repository's order. It is empty for a package outside an index.
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

// Repository is one set of packages, which one or more mirrors hold.
type Repository struct {
	Mirrors []string // each a base that holds ARCH/APKINDEX.tar.gz: an http(s) URL or a directory, no trailing slash
	Tag     string   // without "@"; packages of a tagged repository are taken only where world asks for the tag
}
