package version

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxLength bounds the text of one version or specifier. A file name, where
// most versions come from, has at most 255 bytes.
const maxLength = 1024

// number is a decimal number without leading zeros: versions have no largest one.
type number string

func (n number) compare(o number) int {
	return cmp.Or(cmp.Compare(len(n), len(o)), cmp.Compare(n, o))
}

// Version is one PEP 440 version. The zero Version is not valid: use Parse.
type Version struct {
	epoch     number
	release   []number
	phase     string // "a", "b" or "rc"; "" for none
	pre       number
	post, dev *number
	local     []string
}

// IsPrerelease reports whether v is a pre-release or a development release.
func (v Version) IsPrerelease() bool { return v.phase != "" || v.dev != nil }

// Parse reads a version in any spelling that PEP 440 allows, such as "v1.0-ALPHA.1".
func Parse(text string) (Version, error) {
	v, rest, ok := scanPublic(strings.ToLower(strings.TrimSpace(text)))
	if ok && strings.HasPrefix(rest, "+") {
		v.local, ok = scanLocal(rest[1:])
		rest = ""
	}
	if !ok || rest != "" || len(text) > maxLength {
		return Version{}, fmt.Errorf("parsing version %q: expected a PEP 440 version such as 1.2, 1.2rc1 or 1.2.post1", clip(text))
	}
	return v, nil
}

// clip keeps errors short where the text is foreign and long.
func clip(text string) string {
	if len(text) > 100 {
		return text[:100] + "..."
	}
	return text
}

// scanPublic reads a lower-case version up to its local label.
func scanPublic(text string) (v Version, rest string, ok bool) {
	v, rest, ok = scanRelease(text)
	if !ok {
		return v, rest, false
	}
	v.phase, v.pre, rest = scanPre(rest)
	v.post, rest = scanPost(rest)
	v.dev, rest = scanDev(rest)
	return v, rest, true
}

// scanRelease reads the epoch and the release: 1!2.3.4.
func scanRelease(text string) (v Version, rest string, ok bool) {
	v.epoch = "0"
	n, rest, ok := scanNumber(strings.TrimPrefix(text, "v"))
	if ok && strings.HasPrefix(rest, "!") {
		v.epoch = n
		n, rest, ok = scanNumber(rest[1:])
	}
	for ok {
		v.release = append(v.release, n)
		after, dot := strings.CutPrefix(rest, ".")
		if !dot {
			return v, rest, true
		}
		var more bool
		if n, after, more = scanNumber(after); !more {
			return v, rest, true
		}
		rest = after
	}
	return v, rest, false
}

func scanNumber(text string) (n number, rest string, ok bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if end == 0 {
		return "0", text, false
	}
	n = number(strings.TrimLeft(text[:end], "0"))
	if n == "" {
		n = "0"
	}
	return n, text[end:], true
}

// scanWord reads one of words with an optional separator before it, and the
// optional separator and number after it; the number is 0 where it is left out.
func scanWord(text string, words ...string) (word string, n number, rest string) {
	after := skipSeparator(text)
	for _, w := range words {
		if tail, ok := strings.CutPrefix(after, w); ok {
			n, rest, _ = scanNumber(skipSeparator(tail))
			return w, n, rest
		}
	}
	return "", "", text
}

func skipSeparator(text string) string {
	if text != "" && strings.IndexByte("-_.", text[0]) >= 0 {
		return text[1:]
	}
	return text
}

func scanPre(text string) (phase string, n number, rest string) {
	word, n, rest := scanWord(text, "alpha", "a", "beta", "b", "preview", "pre", "c", "rc")
	switch word {
	case "alpha":
		word = "a"
	case "beta":
		word = "b"
	case "c", "pre", "preview":
		word = "rc"
	}
	return word, n, rest
}

// scanPost reads a post release: ".post1" in its spellings, or "-1".
func scanPost(text string) (post *number, rest string) {
	if after, ok := strings.CutPrefix(text, "-"); ok {
		if n, rest, ok := scanNumber(after); ok {
			return &n, rest
		}
	}
	word, n, rest := scanWord(text, "post", "rev", "r")
	if word == "" {
		return nil, text
	}
	return &n, rest
}

func scanDev(text string) (dev *number, rest string) {
	word, n, rest := scanWord(text, "dev")
	if word == "" {
		return nil, text
	}
	return &n, rest
}

func scanLocal(text string) ([]string, bool) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("-_.", r) })
	if len(parts) == 0 || len(strings.Join(parts, ".")) != len(text) {
		return nil, false // an empty part
	}
	for i, p := range parts {
		if strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return nil, false
		}
		if n, rest, ok := scanNumber(p); ok && rest == "" {
			parts[i] = string(n)
		}
	}
	return parts, true
}

// String is the normal form of the version.
func (v Version) String() string {
	if len(v.local) > 0 {
		return v.public().String() + "+" + strings.Join(v.local, ".")
	}
	var b strings.Builder
	if v.epoch != "0" {
		b.WriteString(string(v.epoch) + "!")
	}
	for i, n := range v.release {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(string(n))
	}
	if v.phase != "" {
		b.WriteString(v.phase + string(v.pre))
	}
	if v.post != nil {
		b.WriteString(".post" + string(*v.post))
	}
	if v.dev != nil {
		b.WriteString(".dev" + string(*v.dev))
	}
	return b.String()
}

// IsZero reports whether v is the zero Version, which Parse never returns.
func (v Version) IsZero() bool { return len(v.release) == 0 }

func (v Version) public() Version {
	v.local = nil
	return v
}

func (v Version) isPrerelease() bool { return v.phase != "" || v.dev != nil }

// sameBase reports whether v and o have one epoch and one release.
func (v Version) sameBase(o Version) bool {
	return v.epoch == o.epoch && compareRelease(v.release, o.release) == 0
}

// Compare is negative where v is older than o, 0 where both are equal, positive
// where v is newer. Trailing zeros of the release do not count: 1.0 equals 1.
func (v Version) Compare(o Version) int {
	return cmp.Or(
		v.epoch.compare(o.epoch),
		compareRelease(v.release, o.release),
		cmp.Compare(v.phaseRank(), o.phaseRank()),
		v.pre.compare(o.pre),
		compareOptional(v.post, o.post, -1),
		compareOptional(v.dev, o.dev, 1),
		compareLocal(v.local, o.local),
	)
}

// phaseRank orders 1.0.dev1, 1.0a1, 1.0b1, 1.0rc1 and 1.0.
func (v Version) phaseRank() int {
	switch {
	case v.phase == "" && v.post == nil && v.dev != nil:
		return 0
	case v.phase == "":
		return 4
	}
	return map[string]int{"a": 1, "b": 2, "rc": 3}[v.phase]
}

func compareRelease(a, b []number) int {
	for i := range max(len(a), len(b)) {
		if c := at(a, i).compare(at(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

func at(release []number, i int) number {
	if i < len(release) {
		return release[i]
	}
	return "0"
}

// compareOptional compares two numbers that may be missing; missing says how a
// missing one compares to any other.
func compareOptional(a, b *number, missing int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return missing
	case b == nil:
		return -missing
	}
	return a.compare(*b)
}

// compareLocal orders words before numbers, and a label before its longer ones.
func compareLocal(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int {
		xn, yn := isNumber(x), isNumber(y)
		switch {
		case xn && yn:
			return number(x).compare(number(y))
		case xn:
			return 1
		case yn:
			return -1
		}
		return cmp.Compare(x, y)
	})
}

func isNumber(text string) bool {
	_, rest, ok := scanNumber(text)
	return ok && rest == ""
}
