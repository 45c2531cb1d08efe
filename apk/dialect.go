package apk

// Dialect is the generation of apk-tools whose rules pyimg follows.
type Dialect int

// The dialects. Each function that depends on the dialect documents the difference.
const (
	Dialect2 Dialect = 2 // apk-tools 2.14, of Alpine up to v3.22
	Dialect3 Dialect = 3 // apk-tools 3, from Alpine v3.23 on
)

// CompareVersions returns -1 if a is older than b by the dialect's rules, 1 if it is newer, and 0 if they are equal.
// Malformed versions compare by their well-formed beginnings.
func (d Dialect) CompareVersions(a, b string) int { return d.compareVersions(a, b, false) }

// compareVersions orders versions as the dialect's apk does. See the functions that it calls.
func (d Dialect) compareVersions(a, b string, fuzzy bool) int {
	if d == Dialect2 {
		return compareVersions2(a, b, fuzzy)
	}
	return compareVersions(a, b, fuzzy)
}
