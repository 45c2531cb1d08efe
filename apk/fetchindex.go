package apk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/pyimg/pyimg/internal/redact"
)

// A FetchedIndex is an index that a mirror was asked for. With a cache it is not in memory: Open reads it from there. So
// a run with many architectures may ask for all of their indexes at once and still hold few of them.
type FetchedIndex struct {
	src     Opener
	o       IndexOptions
	address string
	seen    sighting
	held    *Index // where the cache does not have it
}

// FetchIndex asks for the index of o.Repository for o.Arch, and reads it if the cache does not have it. It tries the
// mirrors in turn. If no mirror has a trusted index, the error joins the errors of all.
func FetchIndex(ctx context.Context, src Opener, o IndexOptions) (*FetchedIndex, error) {
	f := &FetchedIndex{src: src, o: o}
	return f, f.eachMirror(ctx, func() error {
		x, known, err := f.fetch(ctx, true)
		switch {
		case err == nil && !known:
			f.held = f.finish(x)
		case x.Index != nil:
			x.Close() // Open reads it
		}
		return err
	})
}

// Open returns the index. Close gives its memory to the next one. Open asks the mirrors once more if the cache has lost the index, or if
// the key that signed it is trusted no more. The caller bounds how many indexes are open at the same time: Open does not wait for o.Parsing.
func (f *FetchedIndex) Open(ctx context.Context) (*Index, error) {
	if f.held != nil {
		return f.held, nil
	}
	if x, known := f.o.cached(ctx, f.seen.Source); known {
		again := *f // Open may run several times at once
		again.seen = f.o.note(f.address, f.seen, x, f.seen.Validator)
		return again.finish(x), nil
	}
	again := &FetchedIndex{src: f.src, o: f.o}
	again.o.Parsing = nil
	var index *Index
	err := again.eachMirror(ctx, func() error {
		x, _, err := again.fetch(ctx, false)
		if err == nil {
			index = again.finish(x)
		}
		return err
	})
	return index, err
}

// eachMirror calls try with the address of each mirror, until there is no error.
func (f *FetchedIndex) eachMirror(ctx context.Context, try func() error) error {
	if f.o.Repository == nil || len(f.o.Repository.Mirrors) == 0 {
		return errors.New("loading index: the repository has no mirrors")
	}
	var faults []error
	for _, mirror := range f.o.Repository.Mirrors {
		f.address, f.seen = mirror+"/"+f.o.Arch+"/"+indexFile, sighting{}
		f.o.Name = redact.URL(f.address)
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// fetch asks the mirror at the address. known says that the cache has the index, and that Open can read it there; x may be
// empty then. If the file is still what it was, and later is set, Open finds out whether the cache has it.
func (f *FetchedIndex) fetch(ctx context.Context, later bool) (x compactIndex, known bool, err error) {
	if f.o.Cache != nil {
		f.seen = f.o.sighting(f.address)
	}
	validator := ""
	if later && len(f.seen.Source) > 0 {
		validator = f.seen.Validator
	}
	r, now, err := openIf(ctx, f.src, f.address, validator)
	switch {
	case err != nil:
		return x, false, fmt.Errorf("loading index %q: %w", f.o.Name, err)
	case r == nil && validator == "":
		return x, false, fmt.Errorf("loading index %q: the server answers that it is unchanged, but pyimg has no earlier copy; try another mirror", f.o.Name)
	case r == nil:
		return x, true, nil
	}
	defer r.Close()
	if f.o.Cache == nil {
		x, err = f.parse(ctx, r)
		return x, false, err
	}
	if file, ok := r.(io.ReadSeeker); ok && later { // a file can be read twice, so it need not be held in memory
		if known, err := sameFile(file, f.seen.Source); known || err != nil {
			return x, known, err
		}
	}
	if x, known, err = f.parseOrRecall(ctx, r); err == nil {
		f.seen = f.o.note(f.address, f.seen, x, now)
	}
	return x, known, err
}

// sameFile reports whether a file has this SHA-256. If not, it can be read from its beginning.
func sameFile(file io.ReadSeeker, sum []byte) (bool, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(file, maxIndexRaw+1)); err == nil && bytes.Equal(h.Sum(nil), sum) {
		return true, nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("reading an index again: %w", err)
	}
	return false, nil
}

// parse reads an index, in its turn.
func (f *FetchedIndex) parse(ctx context.Context, r io.Reader) (compactIndex, error) {
	end, err := f.o.beginParsing(ctx)
	if err != nil {
		return compactIndex{}, err
	}
	defer end()
	return readIndex(ctx, r, f.o)
}

// parseOrRecall returns the index in r. If the cache has its compact form, it returns that; if not, it reads the index
// and stores the compact form. known reports whether the cache has the index now.
func (f *FetchedIndex) parseOrRecall(ctx context.Context, r io.Reader) (x compactIndex, known bool, err error) {
	end, err := f.o.beginParsing(ctx)
	if err != nil {
		return x, false, err
	}
	defer end()
	raw, err := readAll(r)
	source := sha256.Sum256(raw)
	if err == nil {
		if x, ok := f.o.cached(ctx, source[:]); ok {
			return x, true, nil
		}
		err = io.EOF
	}
	x, err = readIndex(ctx, io.MultiReader(bytes.NewReader(raw), brokenReader{err}), f.o)
	if err != nil {
		return compactIndex{}, false, err
	}
	x.source = source
	// An index that no key verified does not replace one that a key did.
	other, ok := f.o.withoutKeyring().cached(ctx, source[:])
	if ok {
		other.Close()
	}
	if !ok || f.o.Keyring != nil {
		known = f.o.Cache.SetRecord(compactKey(source[:], f.o.Arch), x.encode()) == nil // see Cache
	}
	return x, known && (f.o.Keyring == nil || f.o.Keyring.trusts(ctx, x.signer, f.o.Arch)), nil
}

// finish returns the index with the notes on it.
func (f *FetchedIndex) finish(x compactIndex) *Index {
	if f.o.Cache != nil {
		f.o.compareAge(x, f.seen, f.address)
	}
	return x.Index
}

// beginParsing waits until the index may be parsed. The caller calls end after it.
func (o IndexOptions) beginParsing(ctx context.Context) (end func(), err error) {
	if o.Parsing == nil {
		return func() {}, nil
	}
	if err := o.Parsing.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("reading index %q: %w", o.Name, err)
	}
	return func() { o.Parsing.Release(1) }, nil
}
