package layers

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

// A Member is a small file to be added to a layer.
type Member struct {
	Header *tar.Header
	Body   []byte
}

// Arrange edits a stored blob and stores the result as a layer whose members are sorted by path. So the same files make
// the same layer, whatever their order in the archive. Arrange also changes contents, if contents is not nil, and adds
// members. If a file has several names (hard links), the first name in the sorted order becomes the file.
//
// The recipe describes edit, contents and the added members, and has a version. Arrange adds the digest to it.
//
// Sorting takes more than one pass, so the tar is in a temporary file meanwhile.
func (s *Store) Arrange(ctx context.Context, recipe string, making MakeOptions, digest string, edit Edit, contents ContentEdit, more []Member) (Blob, error) {
	o, err := making.fill()
	if err != nil {
		return Blob{}, fmt.Errorf("arranging %s: %w", digest, err)
	}
	b, err := s.made(ctx, recipeKey(o, "arrange", digest+"\n"+recipe), func() (Blob, error) {
		f, err := s.dir.Temp()
		if err != nil {
			return Blob{}, err
		}
		defer cachedir.Discard(f)
		if err := s.writeEdited(ctx, f, digest, edit, contents); err != nil {
			return Blob{}, err
		}
		return s.build(ctx, o, func(tw *tar.Writer) error { return s.arrange(tw, f, more) })
	})
	if err != nil {
		return Blob{}, fmt.Errorf("arranging %s: %w", digest, err)
	}
	return b, nil
}

// writeEdited edits a blob and writes the remaining members to a file, as a tar.
func (s *Store) writeEdited(ctx context.Context, f *os.File, digest string, edit Edit, contents ContentEdit) error {
	out, err := s.planRewrite(ctx, []string{digest}, func(_ int, h *tar.Header) (bool, error) { return edit(h) })
	if err != nil {
		return err
	}
	tw := tar.NewWriter(f)
	if err := s.rewrite(ctx, tw, []string{digest}, out, contents); err != nil {
		return err
	}
	return tw.Close()
}

// An arrangedMember is a member of the tar that writeEdited wrote, or an added one.
type arrangedMember struct {
	header *tar.Header
	body   io.Reader
}

// arrange writes the members of the tar in f, and the added ones, sorted by path.
func (s *Store) arrange(tw *tar.Writer, f *os.File, more []Member) error {
	members, err := index(f)
	if err != nil {
		return err
	}
	for _, m := range more {
		h := tidyHeader(m.Header)
		h.Size = int64(len(m.Body))
		members = append(members, arrangedMember{h, bytes.NewReader(m.Body)})
	}
	byPath := make(map[string]arrangedMember, len(members))
	for _, m := range members {
		byPath[cleanName(m.header.Name)] = m
	}
	slices.SortStableFunc(members, func(a, b arrangedMember) int { return cmp.Compare(cleanName(a.header.Name), cleanName(b.header.Name)) })
	first := make(map[string]string) // the name that a file was written under, by its path in the spooled tar
	for _, m := range members {
		path := cleanName(m.header.Name)
		if m.header.Typeflag == tar.TypeLink {
			path = cleanName(m.header.Linkname)
		}
		h, body := *m.header, m.body
		if name, written := first[path]; written {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, name, 0
		} else {
			first[path] = h.Name
			if h.Typeflag == tar.TypeLink {
				h, body = *byPath[path].header, byPath[path].body
				h.Name = m.header.Name
			}
		}
		if err := s.copyMember(tw, &h, body); err != nil {
			return fmt.Errorf("member %q: %w", h.Name, err)
		}
	}
	return nil
}

// index lists the members of a tar in a file, with a reader of each one's content. It relies on archive/tar: that reads
// no further than the header that it returns.
func index(f *os.File) ([]arrangedMember, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var members []arrangedMember
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		members = append(members, arrangedMember{tidyHeader(h), io.NewSectionReader(f, at, h.Size)})
	}
}
