package apk

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"

	"github.com/pyimg/pyimg/apk/internal/table"
)

// Index lists a repository's packages for one architecture, in the order of the index.
//
// It has them in a compact form, a few hundred bytes a package. A Cache stores the same form, so a cached index needs
// no parsing before it is solved with. A Package is made each time a caller asks for it.
type Index struct {
	Repository  *Repository
	Arch        string
	Description string
	Notes       []string // for the user, such as that the index is older than one seen before

	table    *table.Table
	hidden   []bool            // by package; nil: none is
	source   [sha256.Size]byte // SHA-256 of the file that the index was read from; zero for one made in memory, and for a view
	giveBack func()            // gives the memory of table back; nil where there is nothing to give back, and in a view
}

// NewIndex makes an index of packages. Their Repository becomes r.
func NewIndex(r *Repository, arch string, packages iter.Seq[*Package]) (*Index, error) {
	b := newIndexBuilder()
	for p := range packages {
		if err := b.add(p); err != nil {
			return nil, err
		}
	}
	return &Index{Repository: r, Arch: arch, table: b.Finish()}, nil
}

// Close gives the memory of the index back to the cache that lent it. The index, and each view of it, has no packages then.
// Packages that it made stay as they are. Close is only worth it before another index is read.
func (x *Index) Close() {
	if x.giveBack != nil {
		*x.table = table.Table{}
		x.giveBack()
		x.giveBack = nil
	}
}

// Packages yields all packages in the order of the index.
func (x *Index) Packages() iter.Seq[*Package] {
	return x.those(func(int) bool { return true }, func() table.Reader { return x.table.ReaderOfAll() })
}

// Named yields the packages with one name, that is, all its versions.
func (x *Index) Named(name string) iter.Seq[*Package] {
	few := func() table.Reader { return table.Reader{} }
	return x.those(func(i int) bool { return x.table.Is(x.table.Record(i).Name(), name) }, few)
}

func (x *Index) those(match func(i int) bool, reader func() table.Reader) iter.Seq[*Package] {
	return func(yield func(*Package) bool) {
		r := reader()
		for i := range x.table.Len() {
			if !x.Hidden(i) && match(i) && !yield(x.packageOf(i, &r)) {
				return
			}
		}
	}
}

// Where returns a view of the index without the packages for which keep returns false.
func (x *Index) Where(keep func(*Package) bool) *Index {
	view := *x
	view.source, view.giveBack = [sha256.Size]byte{}, nil
	view.hidden = slices.Clone(x.hidden)
	if view.hidden == nil {
		view.hidden = make([]bool, x.table.Len())
	}
	r := x.table.ReaderOfAll()
	for i := range view.hidden {
		view.hidden[i] = view.hidden[i] || !keep(x.packageOf(i, &r))
	}
	return &view
}

// At returns package i of Table.
func (x *Index) At(i int) *Package { return x.packageOf(i, new(table.Reader)) }

// These returns the packages at some places of Table, in the same order. It is faster than At for each.
func (x *Index) These(places []int) []*Package {
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(places[a], places[b]) })
	packages := make([]*Package, len(places))
	var r table.Reader
	for _, i := range order {
		packages[i] = x.packageOf(places[i], &r)
	}
	return packages
}

// Source returns the SHA-256 of the file that the index was read from. It reports false if pyimg does not know it, as for an
// index that was made in memory, and if Where left something out.
func (x *Index) Source() ([sha256.Size]byte, bool) {
	return x.source, x.source != [sha256.Size]byte{}
}

// Table returns the form that the solver reads. Table, Hidden, At and These are only for the packages below apk.
func (x *Index) Table() *table.Table { return x.table }

// Hidden reports whether Where left out package i of Table.
func (x *Index) Hidden(i int) bool { return x.hidden != nil && x.hidden[i] }

// packageOf makes package i.
func (x *Index) packageOf(i int, from *table.Reader) *Package {
	t, r := x.table, x.table.Record(i)
	first, depends, provides, end := t.Lists(i)
	text := func(n uint32) string { return from.String(t, n) }
	list := func(first, end uint32) []Dependency { return x.dependencies(first, end, text) }
	p := &Package{
		Name: text(r.Name()), Version: text(r.Version()), Arch: text(r.Arch()),
		refused: text(r.Refused()), tooNew: text(r.TooNew()),
		InstalledSize: r.InstalledSize(), ProviderPriority: r.Priority(), Checksum: r.Checksum(),
		Depends: list(first, depends), Provides: list(depends, provides), InstallIf: list(provides, end),
		Repository: x.Repository,
	}
	texts := from.Details(t, i)
	n := 0
	for _, f := range fields() {
		if !f.solved {
			_ = f.set(p, texts[n]) // a damaged one is left empty
			n++
		}
	}
	return p
}

func (x *Index) dependencies(from, to uint32, text func(uint32) string) []Dependency {
	if from == to {
		return nil
	}
	ds := make([]Dependency, 0, to-from)
	for i := from; i < to; i++ {
		name, version, op, conflict := x.table.Dependency(i)
		ds = append(ds, Dependency{Name: text(name), Version: text(version), Op: Op(op), Conflict: conflict})
	}
	return ds
}

// detailForm returns the letters of the fields that a table has as details.
func detailForm() string {
	var form []byte
	for _, f := range fields() {
		if !f.solved {
			form = append(form, f.letter)
		}
	}
	return string(form)
}

// An indexBuilder makes a table, package by package.
type indexBuilder struct {
	*table.Builder
	row table.Row
}

func newIndexBuilder() *indexBuilder { return &indexBuilder{Builder: table.NewBuilder(detailForm())} }

func (b *indexBuilder) add(p *Package) error {
	r := &b.row
	r.Name, r.Version, r.Arch, r.Refused, r.TooNew = p.Name, p.Version, p.Arch, p.refused, p.tooNew
	r.InstalledSize, r.Priority, r.Checksum = p.InstalledSize, int64(p.ProviderPriority), p.Checksum
	for _, list := range []struct {
		to   *[]table.Dependency
		from []Dependency
	}{{&r.Depends, p.Depends}, {&r.Provides, p.Provides}, {&r.InstallIf, p.InstallIf}} {
		*list.to = (*list.to)[:0]
		for _, d := range list.from {
			if d.Tag != "" {
				return fmt.Errorf("listing package %q: %q: a tag is only for world", p, d)
			}
			*list.to = append(*list.to, table.Dependency{Name: d.Name, Version: d.Version, Op: uint8(d.Op), Conflict: d.Conflict})
		}
	}
	r.Details = r.Details[:0]
	for _, f := range fields() {
		if !f.solved {
			r.Details = append(r.Details, f.text(p))
		}
	}
	if err := b.Add(r); err != nil {
		return fmt.Errorf("listing package %q: %w", p, err)
	}
	return nil
}
