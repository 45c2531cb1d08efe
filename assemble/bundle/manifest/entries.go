package manifest

import (
	"iter"
	"slices"
)

// entries are a growing list that is never copied while it grows: an append to hundreds of thousands would hold them twice.
type entries struct{ chunks [][]entry }

const chunkSize = 4096 // entries

func (es *entries) add(e entry) {
	last := len(es.chunks) - 1
	if last < 0 || len(es.chunks[last]) == chunkSize {
		es.chunks = append(es.chunks, nil)
		last++
		if last > 0 { // a list of few files takes no more than it needs
			es.chunks[last] = make([]entry, 0, chunkSize)
		}
	}
	es.chunks[last] = append(es.chunks[last], e)
}

func (es entries) len() int {
	if len(es.chunks) == 0 {
		return 0
	}
	last := len(es.chunks) - 1
	return last*chunkSize + len(es.chunks[last])
}

func (es entries) at(i int) *entry { return &es.chunks[i/chunkSize][i%chunkSize] }

// all yields the entries with their numbers.
func (es entries) all() iter.Seq2[int, *entry] {
	return func(yield func(int, *entry) bool) {
		for i := range es.len() {
			if !yield(i, es.at(i)) {
				return
			}
		}
	}
}

func (es entries) clone() entries {
	es.chunks = slices.Clone(es.chunks)
	for i := range es.chunks {
		es.chunks[i] = slices.Clone(es.chunks[i])
	}
	return es
}
