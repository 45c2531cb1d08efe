package apk

import (
	"cmp"
	"strings"
)

// A versionPart is the kind of a version's part. A version is DIGITS{.DIGITS}[LETTER]{_SUFFIX[DIGITS]}[~COMMIT][-rDIGITS],
// see apk-package(5). Versions are compared part by part. The kinds are in the order in which they may follow each other.
// That order also decides if one version ends before the other.
type versionPart uint8

const (
	partFirstNumber versionPart = iota
	partNumber
	partLetter
	partSuffix
	partSuffixNumber
	partCommit
	partRevision
	partEnd
	partInvalid
)

// suffixRank orders the suffixes: below suffixNone they mark pre-releases, above it
// patches. Zero is an unknown suffix.
func suffixRank(s string) int {
	switch s {
	case "alpha":
		return 1
	case "beta":
		return 2
	case "pre":
		return 3
	case "rc":
		return 4
	case "cvs":
		return suffixNone + 1
	case "svn":
		return suffixNone + 2
	case "git":
		return suffixNone + 3
	case "hg":
		return suffixNone + 4
	case "p":
		return suffixNone + 5
	}
	return 0
}

const suffixNone = 5

// versionReader reads a version part by part. It is at one part.
type versionReader struct {
	rest   string
	part   versionPart
	text   string // the part's text, without its mark
	number uint64 // the value of digits; it wraps around as in apk
	suffix int    // the rank of a suffix
}

func readVersion(s string) versionReader {
	r := versionReader{rest: s, part: partFirstNumber}
	r.takeNumber()
	return r
}

// next moves to the next part. Once it is partEnd or partInvalid it stays there.
func (r *versionReader) next() {
	if r.part >= partEnd {
		return
	}
	if r.rest == "" {
		r.part = partEnd
		return
	}
	c := r.rest[0]
	switch {
	case 'a' <= c && c <= 'z' && r.part <= partNumber:
		r.part = partLetter
		r.text, r.rest = r.rest[:1], r.rest[1:]
	case c == '.' && r.part <= partNumber:
		r.part = partNumber
		r.rest = r.rest[1:]
		r.takeNumber()
	case isDigit(c) && r.part == partSuffix:
		r.part = partSuffixNumber
		r.takeNumber()
	case c == '_' && r.part <= partSuffixNumber:
		r.part = partSuffix
		r.take(1, isLower)
		if r.suffix = suffixRank(r.text); r.suffix == 0 {
			r.part = partInvalid
		}
	case c == '~' && r.part < partCommit:
		r.part = partCommit
		r.take(1, isHex)
	case c == '-' && r.part < partRevision && strings.HasPrefix(r.rest, "-r"):
		r.part = partRevision
		r.rest = r.rest[2:]
		r.takeNumber()
	default:
		r.part = partInvalid
	}
}

// take skips a mark and takes the bytes that belong to the part. An empty part is invalid.
func (r *versionReader) take(skip int, belongs func(byte) bool) {
	s := r.rest[skip:]
	n := 0
	for n < len(s) && belongs(s[n]) {
		n++
	}
	r.text, r.rest = s[:n], s[n:]
	if n == 0 {
		r.part = partInvalid
	}
}

func (r *versionReader) takeNumber() {
	r.take(0, isDigit)
	r.number = 0
	for i := range len(r.text) {
		r.number = r.number*10 + uint64(r.text[i]-'0')
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c && c <= 'f' }

// compare compares two parts of the same kind.
func (r *versionReader) compare(o *versionReader) int {
	switch r.part {
	case partNumber:
		// 1.01 is older than 1.1: if either side has a leading zero, digits compare as text.
		if r.text[0] == '0' || o.text[0] == '0' {
			return strings.Compare(r.text, o.text)
		}
		return cmp.Compare(r.number, o.number)
	case partFirstNumber, partSuffixNumber, partRevision:
		return cmp.Compare(r.number, o.number)
	case partSuffix:
		return cmp.Compare(r.suffix, o.suffix)
	default:
		return strings.Compare(r.text, o.text)
	}
}

// ValidVersion reports whether s is a well-formed version.
func ValidVersion(s string) bool {
	r := readVersion(s)
	for r.part < partEnd {
		r.next()
	}
	return r.part == partEnd
}

// CompareVersions returns -1 if a is older than b by the rules of apk-tools 3, 1 if it is newer, and 0 if they are
// equal. Malformed versions compare by their well-formed beginnings.
func CompareVersions(a, b string) int { return compareVersions(a, b, false) }

// compareVersions is CompareVersions. With fuzzy, a also equals b if a begins with all parts of b.
func compareVersions(a, b string, fuzzy bool) int {
	x, y := readVersion(a), readVersion(b)
	for x.part == y.part && x.part < partEnd {
		if c := x.compare(&y); c != 0 {
			return c
		}
		x.next()
		y.next()
	}
	switch {
	case x.part == y.part, fuzzy && y.part == partEnd:
		return 0
	case x.part == partSuffix && x.suffix < suffixNone: // 1.0_rc1 is before 1.0
		return -1
	case y.part == partSuffix && y.suffix < suffixNone:
		return 1
	default: // the one that ends first is older
		return -cmp.Compare(x.part, y.part)
	}
}
