package layers

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

// Keep stores the bytes of a layer of any image as they are. Unlike Ingest it takes members that no layer of our own may have, such
// as whiteouts, and a tar without compression; Faults lists them. The digest of src must be given.
func (s *Store) Keep(ctx context.Context, src Source) (Blob, error) {
	s.relied.on(src.Digest)
	leave, err := s.flights.enter(ctx, src.Digest)
	if err != nil {
		return Blob{}, fmt.Errorf("reading %q: %w", src.Name, err)
	}
	defer leave()
	var forbidden *MemberError
	r, err := s.known(ctx, src.Digest, true)
	switch {
	case err == nil:
		return r.Blob, nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &forbidden):
		return Blob{}, err
	}
	in, err := src.Open(ctx)
	if err != nil {
		return Blob{}, fmt.Errorf("opening %q: %w", src.Name, err)
	}
	defer in.Close()
	f, err := s.dir.Temp()
	if err != nil {
		return Blob{}, err
	}
	b, scan, err := s.scanSource(ctx, src, in, scanOptions{keep: f, foreign: true})
	if err != nil {
		cachedir.Discard(f)
		return Blob{}, err
	}
	return s.commit(f, b, scan)
}

// Whiteouts stores a layer that deletes paths of the layers below (image-spec, layer.md). folders are the headers of the folders
// above the paths, each before those in it: some runtimes would make them anew where a layer does not list them.
func (s *Store) Whiteouts(ctx context.Context, o MakeOptions, folders []*tar.Header, paths []string) (Blob, error) {
	packed, err := o.fill()
	if err != nil {
		return Blob{}, err
	}
	f, err := s.dir.Temp()
	if err != nil {
		return Blob{}, err
	}
	b, scan, err := s.press(ctx, packed, f, true, func(w *tar.Writer) error {
		for _, h := range folders {
			if err := w.WriteHeader(h); err != nil {
				return err
			}
		}
		for _, p := range paths {
			dir, base := path.Split(p)
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: dir + whiteoutPrefix + base, Mode: 0o644}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		for _, fault := range scan.faults {
			if fault.Code != FaultForbidden || !strings.HasPrefix(path.Base(fault.Path), whiteoutPrefix) {
				err = &MemberError{fmt.Errorf("the layer would have a fault: %s", fault)}
			}
		}
	}
	if err != nil {
		cachedir.Discard(f)
		return Blob{}, fmt.Errorf("making a layer of whiteouts: %w", err)
	}
	b, err = s.commit(f, b, scan)
	s.relied.on(b.Digest)
	return b, err
}

// whiteoutPrefix begins the name of a member that deletes the path with the rest of the name.
const whiteoutPrefix = ".wh."
