package apk

import (
	"cmp"
	"strings"
)

// A versionPart2 is the kind of a version's part in apk-tools 2. That splits versions in another way than apk-tools 3. The
// results differ for leading zeros, fuzzy comparisons and malformed versions. See apk-tools 2.14, src/version.c.
type versionPart2 int8

const (
	part2Invalid  versionPart2 = iota - 1
	part2Fraction              // after a point: leading zeros count
	part2Number
	part2Letter
	part2Suffix
	part2SuffixNumber
	part2Revision
	part2End
)

// versionReader2 reads a version part by part. part is the kind of the part that take reads next.
type versionReader2 struct {
	rest string
	part versionPart2
}

// take reads one part, returns its value and moves to the next.
func (r *versionReader2) take() int64 {
	if r.rest == "" {
		r.part = part2End
		return 0
	}
	value, used := int64(0), 0
	zeros := false
	switch r.part {
	case part2Fraction, part2Number, part2SuffixNumber, part2Revision:
		if zeros = r.part == part2Fraction && r.rest[0] == '0'; zeros {
			used = leading(r.rest, func(c byte) bool { return c == '0' }) - 1
			value = int64(-used)
			break
		}
		used = leading(r.rest, isDigit)
		const tooLong = 18 // digits
		if used >= tooLong {
			return r.invalid()
		}
		for i := range used {
			value = value*10 + int64(r.rest[i]-'0')
		}
	case part2Letter:
		value, used = int64(r.rest[0]), 1
	case part2Suffix:
		if value, used = suffix2(r.rest); used == 0 {
			return r.invalid()
		}
	default:
		return r.invalid()
	}
	r.rest = r.rest[used:]
	switch {
	case r.rest == "":
		r.part = part2End
	case zeros:
		r.part = part2Number
	default:
		r.next()
	}
	return value
}

func (r *versionReader2) invalid() int64 {
	r.part = part2Invalid
	return -1
}

// next finds the kind of the part that rest begins with and skips its mark.
func (r *versionReader2) next() {
	was, c := r.part, r.rest[0]
	r.part = part2Invalid
	switch {
	case was <= part2Number && isLower(c):
		r.part = part2Letter
		return
	case was == part2Letter && isDigit(c):
		r.part = part2Number
		return
	case was == part2Suffix && isDigit(c):
		r.part = part2SuffixNumber
		return
	case c == '.' && was <= part2Number:
		r.part = part2Fraction
	case c == '_' && was <= part2SuffixNumber:
		r.part = part2Suffix
	case strings.HasPrefix(r.rest, "-r"):
		r.part = part2Revision
		r.rest = r.rest[1:]
	}
	r.rest = r.rest[1:]
}

// suffix2 ranks the suffix at the start of s. Pre-releases have negative ranks. used is the length of the suffix, 0 if
// there is none.
func suffix2(s string) (rank int64, used int) {
	for i, name := range [...]string{"alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"} {
		if strings.HasPrefix(s, name) {
			const preReleases = 4
			return int64(i) - preReleases, len(name)
		}
	}
	return 0, 0
}

func leading(s string, is func(byte) bool) int {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return n
}

// compareVersions2 is compareVersions of apk-tools 2. With fuzzy, a version also equals a longer one that begins with
// its parts, whichever of a and b it is.
func compareVersions2(a, b string, fuzzy bool) int {
	x, y := versionReader2{a, part2Number}, versionReader2{b, part2Number}
	v, w := int64(0), int64(0)
	for x.part == y.part && x.part != part2End && x.part != part2Invalid && v == w {
		v, w = x.take(), y.take()
	}
	switch {
	case v != w:
		return cmp.Compare(v, w)
	case x.part == y.part, fuzzy:
		return 0
	case x.part == part2Suffix && isPreRelease2(x.rest):
		return -1
	case y.part == part2Suffix && isPreRelease2(y.rest):
		return 1
	default: // the one that ends first is older
		return cmp.Compare(y.part, x.part)
	}
}

// isPreRelease2 reports whether s begins with the suffix of a pre-release, or with a malformed one.
func isPreRelease2(s string) bool {
	rank, used := suffix2(s)
	return s != "" && (used == 0 || rank < 0)
}
