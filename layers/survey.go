package layers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
)

// A Survey is what is known of a layer whose bytes need not be kept.
type Survey struct {
	Blob
	faults  []Fault
	entries iter.Seq2[Entry, error]
}

// Faults tells what is wrong with the layer.
func (s Survey) Faults() []Fault { return s.faults }

// Entries yields what the layer's tar holds, in its order. An error is the last that it yields.
func (s Survey) Entries() iter.Seq2[Entry, error] { return s.entries }

// Survey learns what a layer of any image holds, in one pass, and keeps that alone, so that the next time src is not
// opened; it is not either where the layer is stored. src must name its digest.
//
// Where Ingest refuses a member, a survey notes a fault: whiteouts, names that lead out of the root, and hard links to
// files of other layers are for the caller to judge. The tar may be without compression.
func (s *Store) Survey(ctx context.Context, src Source) (Survey, error) {
	r, err := s.facts(ctx, src.Digest, false)
	if err == nil {
		return Survey{r.Blob, r.faults, r.each}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Survey{}, err
	}
	f, err := s.survey(ctx, src)
	return Survey{f.Blob, f.faults, f.all()}, err
}

func (s *Store) survey(ctx context.Context, src Source) (facts, error) {
	leave, err := s.flights.enter(ctx, src.Digest)
	if err != nil {
		return facts{}, fmt.Errorf("reading %q: %w", src.Name, err)
	}
	defer leave()
	key := fmt.Sprintf("survey %x %s", s.kept.magic, src.Digest)
	if raw, err := s.Record(key); err == nil {
		if f, err := decodeFacts(s.kept.magic, raw, src.Digest); err == nil {
			return f, nil
		}
	}
	r, err := src.Open(ctx)
	if err != nil {
		return facts{}, fmt.Errorf("opening %q: %w", src.Name, err)
	}
	defer r.Close()
	b, scan, err := s.learn(ctx, src, r, learnOptions{foreign: true})
	if err != nil {
		return facts{}, err
	}
	raw, err := encodeFacts(s.kept.magic, b, scan.faults, scan.count, scan.entries)
	if err != nil {
		return facts{}, err
	}
	if err := s.SetRecord(key, raw); err != nil {
		return facts{}, err
	}
	return decodeFacts(s.kept.magic, raw, src.Digest)
}
