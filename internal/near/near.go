// Package near finds the known name that a user probably meant.
package near

import "strings"

const (
	maxName = 64 // in runes; a longer name is not a typing error
	minName = 2  // a single letter is similar to everything
)

// Name returns the known name that is nearest to name, or "" where none is near. A known name is near where one to
// three letters are wrong, missing, added or swapped; how many depends on its length. It is also near where it is the
// only known name that begins with name. Of equally near names Name returns the first.
func Name(name string, known []string) string {
	given := []rune(strings.ToLower(name))
	if len(given) > maxName || len(given) < minName {
		return ""
	}
	best, least := "", min(3, (len(given)+2)/3)+1
	for _, k := range known {
		if d := distance(given, []rune(strings.ToLower(k)), least); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return begins(string(given), known)
	}
	return best
}

// begins returns the only known name that begins with name, or "".
func begins(name string, known []string) string {
	found := ""
	for _, k := range known {
		if strings.HasPrefix(strings.ToLower(k), name) {
			if found != "" {
				return ""
			}
			found = k
		}
	}
	return found
}

// distance returns how many letters must be changed, removed, added or swapped with the next to turn a into b. It
// returns limit where that is limit or more.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)} // this row, the last one and the one before
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		rows[0], rows[1], rows[2] = rows[2], rows[0], rows[1]
		row := rows[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := rows[1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, rows[1][j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], rows[2][j-2]+1)
			}
		}
	}
	return min(rows[0][len(b)], limit)
}
