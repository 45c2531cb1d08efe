package internal_test

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the picture of rooms in docs/ARCHITECTURE.md anew") //nolint:gochecknoglobals // a flag

// The picture is between these lines of docs/ARCHITECTURE.md.
const (
	pictureBegin = "<!-- drawn by go test ./internal -update -->\n"
	pictureEnd   = "<!-- end of the drawing -->\n"
)

// TestPictureOfRooms draws the rooms in floors, as their imports have it, and compares docs/ARCHITECTURE.md with that.
func TestPictureOfRooms(t *testing.T) {
	t.Parallel()
	const name = "../docs/ARCHITECTURE.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), pictureBegin)
	_, after, ends := strings.Cut(rest, pictureEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the picture", name)
	}
	want := before + pictureBegin + drawing(t) + pictureEnd + after
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("the picture in %s is not what the code imports; draw it with go test ./internal -run Picture -update", name)
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// drawing lists the rooms of each floor. A room imports rooms of lower floors alone.
func drawing(t *testing.T) string {
	t.Helper()
	graph := make(map[string][]string)
	for _, top := range []string{"apk", "assemble", "attest", "cmd", "internal", "layers", "push", "recipe", "sbom", "sigstore", "wheel", "wheels"} {
		for file, imported := range imports(t, filepath.Join("..", top)) {
			room := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "../")
			graph[room] = append(graph[room], imported...)
		}
	}
	floors := make(map[string]int)
	var floor func(room string) int
	floor = func(room string) int {
		if at, known := floors[room]; known {
			return at
		}
		at := 0
		for _, below := range graph[room] {
			at = max(at, floor(below)+1)
		}
		floors[room] = at
		return at
	}
	for room := range graph {
		floor(room)
	}
	var byFloor [][]string
	for room, at := range floors { // rooms that import none are there, too
		for len(byFloor) <= at {
			byFloor = append(byFloor, nil)
		}
		if !forTests(room) {
			byFloor[at] = append(byFloor[at], room)
		}
	}
	var picture strings.Builder
	picture.WriteString("\n")
	for at, rooms := range slices.Backward(byFloor) {
		slices.Sort(rooms)
		line := fmt.Sprintf("    %2d ", at)
		for _, room := range rooms {
			const width = 120
			if len(line)+2+len(room) > width {
				picture.WriteString(strings.TrimRight(line, " ") + "\n")
				line = "       "
			}
			line += " " + room + " "
		}
		picture.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	picture.WriteString("\n")
	return picture.String()
}

// forTests reports whether only tests import a room.
func forTests(room string) bool {
	base := path.Base(room)
	return strings.HasSuffix(base, "test") && base != "attest" || slices.Contains([]string{"bench", "e2e"}, base)
}
