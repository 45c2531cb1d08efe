package layers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
)

// LayerFacts are the facts of a layer. The store need not have the layer's bytes.
type LayerFacts struct {
	Blob
	faults  []Fault
	entries iter.Seq2[Entry, error]
}

// Faults returns what is wrong with the layer.
func (f LayerFacts) Faults() []Fault { return f.faults }

// Entries yields the members of the layer's tar, in their order. If there is an error, it is the last thing that
// Entries yields.
func (f LayerFacts) Entries() iter.Seq2[Entry, error] { return f.entries }

// FactsOf reads a layer of any image in one pass and stores its facts, not its bytes. The digest of src must be given.
// If the store has the layer or its facts already, FactsOf does not open src.
//
// FactsOf accepts a tar without compression. Where Ingest refuses a member, FactsOf notes a fault: the caller judges
// whiteouts, names that lead out of the root, and hard links to files of other layers.
func (s *Store) FactsOf(ctx context.Context, src Source) (LayerFacts, error) {
	r, err := s.facts(ctx, src.Digest, false)
	if err == nil {
		return LayerFacts{r.Blob, r.faults, r.each}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return LayerFacts{}, err
	}
	f, err := s.scanForeign(ctx, src)
	return LayerFacts{f.Blob, f.faults, f.all()}, err
}

// scanForeign returns the recorded facts of a foreign layer. If there are none, it reads the layer and records them.
func (s *Store) scanForeign(ctx context.Context, src Source) (facts, error) {
	leave, err := s.flights.enter(ctx, src.Digest)
	if err != nil {
		return facts{}, fmt.Errorf("reading %q: %w", src.Name, err)
	}
	defer leave()
	key := fmt.Sprintf("survey %x %s", s.content.magic, src.Digest)
	if raw, err := s.Record(key); err == nil {
		if f, err := decodeFacts(s.content.magic, raw, src.Digest); err == nil {
			return f, nil
		}
	}
	r, err := src.Open(ctx)
	if err != nil {
		return facts{}, fmt.Errorf("opening %q: %w", src.Name, err)
	}
	defer r.Close()
	b, scan, err := s.scanSource(ctx, src, r, scanOptions{foreign: true})
	if err != nil {
		return facts{}, err
	}
	raw, err := encodeFacts(s.content.magic, b, scan.faults, scan.count, scan.entries)
	if err != nil {
		return facts{}, err
	}
	if err := s.SetRecord(key, raw); err != nil {
		return facts{}, err
	}
	return decodeFacts(s.content.magic, raw, src.Digest)
}
