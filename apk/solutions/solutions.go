// Package solutions keeps what package solve found from one run to the next: the same world, asked of the same indexes by
// the same program, has the same solution. It keeps no errors. It does not know where the notes are kept.
package solutions

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/versions"
)

// Solve is [solve.Solve], but if records has the solution, Solve does not search for it. Records only save time: if one is
// lost, damaged or cannot be stored, Solve solves. A nil records keeps nothing.
//
// Indexes are known by the SHA-256 of their files. One that was made in memory, or that is a view of another one, has none;
// with such an index nothing is kept.
func Solve(records apk.Cache, world []apk.Dependency, indexes []*apk.Index, o solve.Options) (solve.Solution, error) {
	key, can := keyOf(world, indexes, o)
	if !can || records == nil {
		return solve.Solve(world, indexes, o)
	}
	if data, err := records.Record(key); err == nil {
		if found, ok := recall(data, indexes); ok {
			return found, nil
		}
	}
	found, err := solve.Solve(world, indexes, o)
	if err != nil {
		return found, err
	}
	if data, ok := note(found, indexes); ok {
		_ = records.SetRecord(key, data) // see above
	}
	return found, nil
}

// keyOf is a hash of all that a solution depends on.
func keyOf(world []apk.Dependency, indexes []*apk.Index, o solve.Options) (key string, can bool) {
	program, can := program()
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%q\n", program, cmp.Or(o.Dialect, apk.Dialect3), fmt.Sprint(world))
	for _, x := range indexes {
		source, known := x.Source()
		can = can && known
		tag := ""
		if x.Repository != nil {
			tag = x.Repository.Tag
		}
		fmt.Fprintf(h, "%x %q %q\n", source, x.Arch, tag)
	}
	return fmt.Sprintf("apk-solution-%d-%x", versions.Solution, h.Sum(nil)), can
}

// program tells this program from others. A solver that was mended may find another solution, and nobody should have to know
// that a number must be raised then.
func program() (string, bool) {
	path, err := os.Executable()
	if err != nil {
		return "", false
	}
	file, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	text := fmt.Sprintf("%d %d", file.Size(), file.ModTime().UnixNano())
	if info, ok := debug.ReadBuildInfo(); ok {
		text += "\n" + info.String()
	}
	return text, true
}

// kept is a solution as a record has it.
type kept struct {
	Packages []place  `json:"packages"`
	Notes    []string `json:"notes,omitempty"`
}

// A place says where an index lists a package. The text is there to hold it against what the index has.
type place struct {
	Index   int    `json:"index"`
	Package int    `json:"package"`
	Text    string `json:"text"`
	Tag     string `json:"tag,omitempty"`
}

// note writes a solution. It reports false if a package cannot be told from another one that an index lists.
func note(found solve.Solution, indexes []*apk.Index) ([]byte, bool) {
	at := make(map[apk.Checksum]int, len(found.Packages))
	for i, p := range found.Packages {
		if _, twice := at[p.Checksum]; twice || p.Checksum == (apk.Checksum{}) {
			return nil, false
		}
		at[p.Checksum] = i
	}
	k := kept{Packages: make([]place, len(found.Packages)), Notes: found.Notes}
	missing := len(found.Packages)
	for n, x := range indexes {
		t := x.Table()
		for j := range t.Len() {
			i, chosen := at[t.Record(j).Checksum()]
			if chosen && k.Packages[i].Text == "" && found.Packages[i].Repository == x.Repository {
				k.Packages[i] = place{Index: n, Package: j, Text: found.Packages[i].String(), Tag: found.Tags[i]}
				missing--
			}
		}
	}
	data, err := json.Marshal(k)
	return data, err == nil && missing == 0
}

// recall reads a solution.
func recall(data []byte, indexes []*apk.Index) (solve.Solution, bool) {
	var k kept
	if json.Unmarshal(data, &k) != nil || k.Packages == nil {
		return solve.Solution{}, false
	}
	found := solve.Solution{Notes: k.Notes}
	wanted := make([][]int, len(indexes)) // places, by index
	for _, p := range k.Packages {
		if p.Index < 0 || p.Index >= len(indexes) || p.Package < 0 || p.Package >= indexes[p.Index].Table().Len() {
			return solve.Solution{}, false
		}
		wanted[p.Index] = append(wanted[p.Index], p.Package)
		found.Tags = append(found.Tags, p.Tag)
	}
	packages := make([][]*apk.Package, len(indexes))
	for n, x := range indexes {
		packages[n] = x.These(wanted[n])
	}
	for _, p := range k.Packages {
		next := packages[p.Index][0]
		if packages[p.Index] = packages[p.Index][1:]; next.String() != p.Text {
			return solve.Solution{}, false
		}
		found.Packages = append(found.Packages, next)
	}
	return found, true
}
