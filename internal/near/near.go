// Package near finds the name that somebody probably meant.
package near

import "strings"

const (
	maxName = 64 // runes of a name that is looked at: longer ones are no slips of the finger
	minName = 2  // a single letter is near to everything
)

// Name is the one of the known names that is nearest to a name that is none of them: one to three letters are wrong,
// missing, too many or swapped, depending on its length, or it is the beginning of the only one that begins so. Of equally near
// ones it is the first. It is "" where none is near.
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

// begins is the only one of the known names that begins so.
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

// distance is how many letters have to be changed, removed, added or swapped with the next to make a into b; limit if it
// is that or more.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)} // this one, the last and that before
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
