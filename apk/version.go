package apk

import (
	"cmp"
	"strings"
)

// A version is DIGITS{.DIGITS}[LETTER]{_SUFFIX[DIGITS]}[~COMMIT][-rDIGITS], see apk-package(5).
// Its parts are compared one after another; the kinds below are in the order in which they may
// follow each other, which is also the order that decides when one version ends early.
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

// versionReader takes a version apart; it stands at one part.
type versionReader struct {
	rest   string
	part   versionPart
	text   string // of the part, without its mark
	number uint64 // where the part is digits; wraps around as apk's does
	suffix int    // rank, where the part is a suffix
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

// take skips a mark and takes the run of bytes that belong; an empty run is invalid.
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

// compare orders two readers that stand at parts of the same kind.
func (r *versionReader) compare(o *versionReader) int {
	switch r.part {
	case partNumber:
		// 1.01 stands before 1.1: with a leading zero on either side digits are text.
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

// ValidVersion says whether s is a well-formed version.
func ValidVersion(s string) bool {
	r := readVersion(s)
	for r.part < partEnd {
		r.next()
	}
	return r.part == partEnd
}

// CompareVersions is -1 where a is older than b, 1 where it is newer, else 0, as apk-tools 3
// orders them. Malformed versions compare by their well-formed beginnings.
func CompareVersions(a, b string) int { return compareVersions(a, b, false) }

// compareVersions with fuzzy set takes a for equal to b where a only goes on after b ends.
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
