package layers

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

// Contents counts what is in a store, or in a part of it.
type Contents struct {
	Blobs     Amount `json:"blobs"`     // compressed bytes of layers
	Facts     Amount `json:"facts"`     // one file for each layer; those of a wheel are in its record
	Records   Amount `json:"records"`   // such as which recipe made which layer, control streams, indexes
	Folders   Amount `json:"folders"`   // unpacked layers
	Temporary Amount `json:"temporary"` // now being written, or left by a killed process
}

// An Amount is a number of files and their size.
type Amount struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

func (a *Amount) add(bytes int64) { a.Files, a.Bytes = a.Files+1, a.Bytes+bytes }

// Total is the sum of all kinds.
func (c Contents) Total() (t Amount) {
	for _, a := range []Amount{c.Blobs, c.Facts, c.Records, c.Folders, c.Temporary} {
		t.Files, t.Bytes = t.Files+a.Files, t.Bytes+a.Bytes
	}
	return t
}

// Stat describes a store.
type Stat struct {
	Contents
	// Oldest and Newest are the earliest and the latest time of last use among all items, to the hour. They are zero
	// for an empty store.
	Oldest, Newest time.Time
	Runs           int // other processes that have the store open
}

// PruneOptions say what Prune removes. With the zero value Prune removes only what cannot be used any more: files that
// killed processes left, and records of layers that are gone.
type PruneOptions struct {
	UsedBefore time.Time // removes what was last used before this time; zero: age does not matter
	MaxBytes   *int64    // removes the least recently used until at most this is left; nil: size does not matter
	DryRun     bool      // only reports what would be removed
	// RemoveFolder removes a folder of the store that this process has no right to remove completely. If it is nil,
	// such a folder is an error.
	RemoveFolder func(dir string) error
}

// Pruned reports what Prune did. Spared is the part of Left that Prune kept only because a run relies on it.
type Pruned struct{ Removed, Left, Spared Contents }

// Stat counts what is in the store.
func (s *Store) Stat() (Stat, error) {
	unlock, err := s.dir.Lock(false)
	if err != nil {
		return Stat{}, err
	}
	runs := len(s.dir.Running())
	unlock()
	p := pruning{store: s}
	if err := p.list(); err != nil {
		return Stat{}, err
	}
	stat := Stat{Runs: runs}
	for _, i := range slices.Concat(p.items, p.temporary) {
		i.count(&stat.Contents)
	}
	for _, i := range p.items {
		if stat.Oldest.IsZero() || i.used.Before(stat.Oldest) {
			stat.Oldest = i.used
		}
		if i.used.After(stat.Newest) {
			stat.Newest = i.used
		}
	}
	return stat, nil
}

// Prune removes the least recently used items, within the bounds of o. A blob, its facts and the records that name it
// go together.
//
// Other processes may have the store open. Prune keeps what they rely on, see package cachedir, and what this store was
// asked for. A process waits for Prune if it begins to use something that was unused for an hour.
func (s *Store) Prune(o PruneOptions) (Pruned, error) {
	unlock, err := s.dir.Lock(false)
	if err != nil {
		return Pruned{}, err
	}
	defer unlock()
	p := pruning{store: s, options: o}
	if others := s.dir.Running(); len(others) > 0 {
		p.began = slices.MinFunc(others, time.Time.Compare)
	}
	if err := p.list(); err != nil {
		return Pruned{}, err
	}
	return p.run()
}

// An item is a set of files that are removed together: a blob and its facts, a record, or a temporary file.
type item struct {
	digest string // the digest of the blob, or of the blob that the record names; "" for all else
	files  []prunable
	used   time.Time
}

type prunable struct {
	kind  string // the folder
	path  string
	bytes int64
}

func (i item) bytes() (n int64) {
	for _, f := range i.files {
		n += f.bytes
	}
	return n
}

func (i item) count(c *Contents) {
	for _, f := range i.files {
		to := map[string]*Amount{"blobs": &c.Blobs, "facts": &c.Facts, "records": &c.Records, cachedir.Folders: &c.Folders, "tmp": &c.Temporary}[f.kind]
		to.add(f.bytes)
	}
}

// pruning is one run of Prune.
type pruning struct {
	store   *Store
	options PruneOptions
	began   time.Time // when the first of the other runs began; zero: there are none

	items     []item // least recently used first
	temporary []item
	known     map[string]bool // digests that have a blob or facts
	strange   []string        // entries that are not files: the store did not make them
	result    Pruned
	faults    []error
}

// list finds all items.
func (p *pruning) list() error {
	p.known = map[string]bool{}
	whole := map[string]*item{} // by digest
	for _, kind := range []string{"facts", "blobs"} {
		err := p.eachFile(kind, func(f prunable, used time.Time) {
			digest := digestPrefix + filepath.Base(f.path)
			i := whole[digest]
			if i == nil {
				i = &item{digest: digest}
				whole[digest] = i
			}
			i.files = append(i.files, f)
			if used.After(i.used) {
				i.used = used
			}
		})
		if err != nil {
			return err
		}
	}
	for digest, i := range whole {
		p.known[digest] = true
		p.items = append(p.items, *i)
	}
	err := p.eachFile("records", func(f prunable, used time.Time) {
		p.items = append(p.items, item{digest: namedDigest(f), files: []prunable{f}, used: used})
	})
	if err != nil {
		return err
	}
	err = p.eachFolder(func(f prunable, used time.Time, whole bool) {
		if !whole {
			p.temporary = append(p.temporary, item{files: []prunable{f}, used: used})
			return
		}
		p.items = append(p.items, item{files: []prunable{f}, used: used})
	})
	if err != nil {
		return err
	}
	slices.SortFunc(p.items, func(a, b item) int {
		return cmp.Or(a.used.Compare(b.used), strings.Compare(a.files[0].path, b.files[0].path))
	})
	return p.eachFile("tmp", func(f prunable, used time.Time) {
		p.temporary = append(p.temporary, item{files: []prunable{f}, used: used})
	})
}

func (p *pruning) eachFile(kind string, do func(f prunable, used time.Time)) error {
	dir := filepath.Join(p.store.dir.Path, kind)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // replaced or removed meanwhile
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			p.strange = append(p.strange, filepath.Join(dir, e.Name()))
			continue
		}
		do(prunable{kind, filepath.Join(dir, e.Name()), info.Size()}, info.ModTime())
	}
	return nil
}

// namedDigest returns the digest that a record holds, or that of the blob whose facts it has; "" if it holds something else.
func namedDigest(f prunable) string {
	const most = 16 << 20 // the key is a recipe; wheels have some 300 bytes a file
	if f.bytes > most {
		return ""
	}
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return ""
	}
	r, err := decodeRecord(raw)
	if err != nil {
		return ""
	}
	if named := factsName(r.facts); named != "" {
		return named
	}
	if _, err := digestHex(string(r.data)); err != nil {
		return ""
	}
	return string(r.data)
}

func (p *pruning) run() (Pruned, error) {
	p.leftovers()
	for _, name := range p.strange {
		if !p.options.DryRun {
			p.faults = append(p.faults, os.RemoveAll(name)) // does not follow symlinks
		}
	}
	left := int64(0)
	for _, i := range p.items {
		left += i.bytes()
	}
	var kept []item
	for _, i := range p.items {
		tooMuch := p.options.MaxBytes != nil && left > *p.options.MaxBytes
		switch {
		case !tooMuch && !i.used.Before(p.options.UsedBefore):
			kept = append(kept, i)
		case p.inUse(i):
			kept = append(kept, i)
			i.count(&p.result.Spared)
		default:
			left -= i.bytes()
			p.remove(i)
		}
	}
	for _, i := range kept { // a record of a blob that is gone is useless
		if i.digest != "" && !p.known[i.digest] {
			p.remove(i)
			continue
		}
		i.count(&p.result.Left)
	}
	return p.result, errors.Join(p.faults...)
}

// leftovers removes the files of killed processes: files that were last written to before the first of all runs began.
func (p *pruning) leftovers() {
	began := p.began
	if own, err := p.store.dir.Began(); err == nil && (began.IsZero() || own.Before(began)) {
		began = own
	}
	for _, i := range p.temporary {
		if p.abandoned(i) || i.files[0].kind != cachedir.Folders && i.used.Before(began.Add(-cachedir.Skew)) {
			p.remove(i)
			continue
		}
		i.count(&p.result.Left)
	}
}

func (p *pruning) inUse(i item) bool {
	return !p.began.IsZero() && !i.used.Before(cachedir.InUseSince(p.began)) || p.store.relied.holds(i.digest) ||
		i.files[0].kind == cachedir.Folders && p.store.relied.holds(filepath.Base(i.files[0].path))
}

// remove removes an item. It removes facts before their blob, since facts mean that the blob is whole.
func (p *pruning) remove(i item) {
	for _, f := range i.files {
		if !p.options.DryRun {
			remove := os.Remove
			if f.kind == cachedir.Folders {
				remove = p.removeFolder
			}
			if err := remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				p.faults = append(p.faults, err)
				continue
			}
		}
		item{files: []prunable{f}}.count(&p.result.Removed)
	}
	if i.files[0].kind != "records" && i.digest != "" {
		p.known[i.digest] = false
		p.store.memory.forget(i.digest)
	}
}
