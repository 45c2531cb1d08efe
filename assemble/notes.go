package assemble

import (
	"strings"
)

// note is a text and the platforms that it concerns.
type note struct{ where, text string }

// byPlatforms groups what is to be said of each platform, in the order in which it first comes up.
func byPlatforms(platforms []Platform, texts [][]string) []note {
	var order []string
	where := make(map[string][]string)
	for i, ts := range texts {
		for _, t := range ts {
			if where[t] == nil {
				order = append(order, t)
			}
			where[t] = append(where[t], platforms[i].String())
		}
	}
	notes := make([]note, len(order))
	for i, t := range order {
		notes[i] = note{strings.Join(where[t], ", "), t}
	}
	return notes
}
