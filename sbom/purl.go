package sbom

import (
	"maps"
	"slices"
	"strings"
)

// A PURL is a package URL; see purl-spec, PURL-SPECIFICATION.rst.
type PURL struct {
	Type, Namespace, Name, Version string            // a namespace may have several parts: github.com/you
	Qualifiers                     map[string]string // those with an empty value are left out
}

// String returns the package URL in its canonical form.
func (p PURL) String() string {
	var b strings.Builder
	b.WriteString("pkg:" + p.Type + "/")
	if p.Namespace != "" {
		for part := range strings.SplitSeq(p.Namespace, "/") {
			b.WriteString(percent(part) + "/")
		}
	}
	b.WriteString(percent(p.Name))
	if p.Version != "" {
		b.WriteString("@" + percent(p.Version))
	}
	separator := "?"
	for _, key := range slices.Sorted(maps.Keys(p.Qualifiers)) {
		if value := p.Qualifiers[key]; value != "" {
			b.WriteString(separator + key + "=" + percent(value))
			separator = "&"
		}
	}
	return b.String()
}

// percent escapes all but the characters that purl-spec leaves as they are.
func percent(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~:", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
