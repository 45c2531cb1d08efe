package layers

import (
	"iter"
	"maps"
	"slices"
)

// Records are the PAX records of a member that no field of its header says, such as extended attributes and what a
// package manager wrote for itself. They stay encoded, as the facts have them: nearly every file of a package has one, and
// few callers ask.
type Records string

// Get returns the value of a record, or "".
func (r Records) Get(name string) string {
	for k, v := range r.All() {
		if k == name {
			return v
		}
	}
	return ""
}

// All yields the records' names and values, sorted by name.
func (r Records) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		d := decoder{rest: string(r)}
		for range d.count(len(d.rest)) {
			name := d.text()
			if value := d.text(); d.bad || !yield(name, value) {
				return
			}
		}
	}
}

func (e *encoder) records(of map[string]string) {
	e.uint(uint64(len(of)))
	for _, name := range slices.Sorted(maps.Keys(of)) {
		e.text(name)
		e.text(of[name])
	}
}

// records skips the records and returns them as they are encoded.
func (d *decoder) records() Records {
	all := d.rest
	for range d.count(len(d.rest)) {
		d.text()
		d.text()
	}
	if d.bad {
		return ""
	}
	return Records(all[:len(all)-len(d.rest)])
}

// recordNames yields the names of all records, with those of a header that was not read from facts.
func (e Entry) recordNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range e.Records.All() {
			if !yield(name) {
				return
			}
		}
		for name := range e.Header.PAXRecords {
			if !yield(name) {
				return
			}
		}
	}
}
