package apk

// Dialect is the generation of apk-tools whose behaviour is wanted.
type Dialect int

// The dialects. What differs between them is told where it matters.
const (
	Dialect2 Dialect = 2 // apk-tools 2.14, of Alpine up to v3.22
	Dialect3 Dialect = 3 // apk-tools 3, from Alpine v3.23 on
)

// CompareVersions is -1 where a is older than b to the dialect's apk, 1 where it is newer, else 0. Malformed versions compare
// by their well-formed beginnings.
func (d Dialect) CompareVersions(a, b string) int { return d.compareVersions(a, b, false) }

// compareVersions orders versions as the dialect's apk does, see the functions that it calls.
func (d Dialect) compareVersions(a, b string, fuzzy bool) int {
	if d == Dialect2 {
		return compareVersions2(a, b, fuzzy)
	}
	return compareVersions(a, b, fuzzy)
}
