package spec

import (
	"strings"
)

// Note is a message and the platforms that it is about.
type Note struct{ Where, Text string }

// ByPlatform groups the messages of all platforms, in the order in which each first appears.
func ByPlatform(platforms []Platform, texts [][]string) []Note {
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
	notes := make([]Note, len(order))
	for i, t := range order {
		notes[i] = Note{strings.Join(where[t], ", "), t}
	}
	return notes
}
