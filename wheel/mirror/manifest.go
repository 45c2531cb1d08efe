package mirror

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/version"
)

// The files of an index, see docs/WHEELS.md.
const (
	manifestName    = "manifest.json"
	signatureName   = "manifest.json.sigstore.json"
	manifestVersion = 1
	maxManifest     = 256 << 20 // 100,000 wheels with 20 build requirements each
	maxSignature    = 4 << 20   // real ones have some kilobytes
)

// manifest is what is read of an index's manifest.
type manifest struct {
	from   Server
	text   string // SHA-256 of all of it
	wheels map[string]entry
}

// entry is a wheel.
type entry struct {
	File           string  `json:"file"`
	SHA256         string  `json:"sha256"`
	Size           int64   `json:"size"`
	RequiresPython string  `json:"requires_python"`
	Yanked         *string `json:"yanked"`

	name     tag.Filename
	requires version.Specifiers
}

// parse reads a manifest.
func parse(text []byte) (manifest, error) {
	var file struct {
		Version int     `json:"version"`
		Wheels  []entry `json:"wheels"`
	}
	err := json.Unmarshal(text, &file)
	if err == nil && file.Version != manifestVersion {
		err = fmt.Errorf("its version is %d, expected %d", file.Version, manifestVersion)
	}
	sum := sha256.Sum256(text)
	m := manifest{text: hex.EncodeToString(sum[:]), wheels: make(map[string]entry, len(file.Wheels))}
	for _, e := range file.Wheels {
		if err == nil {
			err = e.read()
		}
		m.wheels[e.File+" "+e.SHA256] = e
	}
	if err != nil {
		return manifest{}, fmt.Errorf("reading its manifest: %w", err)
	}
	return m, nil
}

func (e *entry) read() (err error) {
	if e.name, err = tag.ParseFilename(e.File); err != nil {
		return err
	}
	if _, err = source.ParseHash("sha256", e.SHA256); err != nil {
		return err
	}
	if e.Size < 0 || strings.ToLower(e.SHA256) != e.SHA256 {
		return fmt.Errorf("%.200q has the size %d and the SHA-256 %s", e.File, e.Size, e.SHA256)
	}
	e.requires, err = version.ParseSpecifiers(e.RequiresPython)
	return err
}

// listing is what the manifest has, by project, as files of a mirror.
func (m manifest) listing(first Server) map[string][]index.File {
	out := make(map[string][]index.File)
	for _, key := range slices.Sorted(maps.Keys(m.wheels)) {
		e := m.wheels[key]
		out[e.name.Name] = append(out[e.name.Name], index.File{
			File:           source.File{Filename: e.name, URL: first.url(e.SHA256, e.File), Size: e.Size, Hashes: source.Hashes{"sha256": e.SHA256}},
			RequiresPython: e.requires, Yanked: e.Yanked != nil})
	}
	return out
}

// common is how many wheels two manifests share.
func common[T any](a map[string]entry, b map[string]T) int {
	n := 0
	for key := range a {
		if _, ok := b[key]; ok {
			n++
		}
	}
	return n
}

// compare is the newest of several manifests. Wheels are only ever added to an index, so one that has all wheels of another one, and
// more, is newer; one that shares none is another index's.
func (m *Index) compare(all []manifest) (manifest, error) {
	newest := all[0]
	for _, n := range all[1:] {
		shared := common(n.wheels, newest.wheels)
		a, b := newest.from.name, n.from.name
		switch {
		case n.text == newest.text:
		case shared == len(n.wheels) && shared < len(newest.wheels):
			m.lags(b, a, len(newest.wheels)-shared)
		case shared == len(newest.wheels) && shared < len(n.wheels):
			m.lags(a, b, len(n.wheels)-shared)
			newest = n
		case shared == 0:
			return newest, &Error{b, fmt.Errorf("it is a mirror of another index than %s: they have no wheel in common", a)}
		default:
			m.o.Warn(fmt.Sprintf("the mirrors %s and %s have different manifests, of which neither is older; that of %s is taken", a, b, a))
		}
	}
	return newest, nil
}

func (m *Index) lags(old, newer string, by int) {
	m.o.Warn(fmt.Sprintf("the mirror %s serves an older manifest than %s: it lacks %d of the wheels; it is asked last", old, newer, by))
}

// seen is what is remembered of the newest manifest.
type seen struct {
	Mirror string   `json:"mirror"`
	Wheels []string `json:"wheels"` // by file name and SHA-256, sorted
}

// remember compares the newest manifest with the newest one of earlier runs, and notes it if it is newer.
func (m *Index) remember(newest manifest) error {
	if m.o.Memory == nil {
		return nil
	}
	key := "mirrors 1 " + m.servers[0].name
	var old seen
	text, err := m.o.Memory.Record(key)
	known := make(map[string]bool)
	if err == nil && json.Unmarshal(text, &old) == nil {
		for _, w := range old.Wheels {
			known[w] = true
		}
	}
	shared := common(newest.wheels, known)
	here := newest.from.name
	switch {
	case shared == len(newest.wheels) && shared == len(known):
		return nil
	case shared == len(newest.wheels):
		m.o.Warn(fmt.Sprintf("the mirror %s serves an older manifest than %s did in an earlier run: it lacks %d of the wheels", here, old.Mirror, len(known)-shared))
		return nil
	case shared == 0 && len(known) > 0:
		return &Error{here, fmt.Errorf("it serves another index than %s did in an earlier run: they have no wheel in common; "+
			"if the index was made anew, give it another name, or run \"pyimg cache prune --max-size 0\"", old.Mirror)}
	}
	if text, err = json.Marshal(seen{here, slices.Sorted(maps.Keys(newest.wheels))}); err != nil {
		return err
	}
	_ = m.o.Memory.SetRecord(key, text) // else an older one is not noticed later
	return nil
}
