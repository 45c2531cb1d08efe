package layers

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
)

// Rewrite edits stored blobs and stores the result as one layer. It transcodes or strips one blob, or merges several in
// their order. The recipe describes edit and has a version. Rewrite adds the digests to it. Rewrite calls edit once for
// each member, with the number of its blob, before it writes anything. See [Edit].
//
// If several members have the same path, the last one wins. A folder gets the place of its first entry and the
// attributes of its last. If the target of hard links is dropped or loses, the first link that remains becomes the
// file. A path that is a folder in one blob and something else in another is an error.
func (s *Store) Rewrite(ctx context.Context, recipe string, o MakeOptions, digests []string,
	edit func(src int, h *tar.Header) (bool, error),
) (Blob, error) {
	return s.rewriteStored(ctx, recipe, o, digests, edit, nil, func() error { return nil })
}

// ContentEdit returns the function that makes the new content of the file at path out of the old one, or nil for a file
// that does not change. The path is that in the new layer. Such a file is held in memory, so a file of more than one
// mebibyte is an error.
type ContentEdit func(path string) func([]byte) []byte

// rewriteStored is Rewrite that also changes contents, if contents is not nil. It calls store first if it must make the
// layer.
func (s *Store) rewriteStored(ctx context.Context, recipe string, making MakeOptions, digests []string,
	edit func(src int, h *tar.Header) (bool, error), contents ContentEdit, store func() error,
) (Blob, error) {
	o, err := making.fill()
	if err != nil {
		return Blob{}, fmt.Errorf("rewriting %s: %w", strings.Join(digests, ", "), err)
	}
	b, err := s.made(ctx, recipeKey(o, "rewrite", strings.Join(digests, " ")+"\n"+recipe), func() (Blob, error) {
		if err := store(); err != nil {
			return Blob{}, err
		}
		out, err := s.planRewrite(ctx, digests, edit)
		if err != nil {
			return Blob{}, err
		}
		return s.build(ctx, o, func(tw *tar.Writer) error { return s.rewrite(ctx, tw, digests, out, contents) })
	})
	if err != nil {
		return Blob{}, fmt.Errorf("rewriting %s: %w", strings.Join(digests, ", "), err)
	}
	return b, nil
}

// rewrite writes the planned members of each blob. It does not read a blob without any.
func (s *Store) rewrite(ctx context.Context, tw *tar.Writer, digests []string, out [][]*tar.Header, contents ContentEdit) error {
	for i, digest := range digests {
		if nothing(out[i]) {
			continue
		}
		if err := s.rewriteOne(ctx, tw, digest, out[i], contents); err != nil {
			return err
		}
	}
	return nil
}

func nothing(out []*tar.Header) bool {
	for _, h := range out {
		if h != nil {
			return false
		}
	}
	return true
}

func (s *Store) rewriteOne(ctx context.Context, tw *tar.Writer, digest string, out []*tar.Header, contents ContentEdit) error {
	r, err := s.open(digest)
	if err != nil {
		return lost(digest, err)
	}
	defer r.Close()
	in, err := s.input(ctx, r, inputOptions{noDiff: true, packed: true})
	if err != nil {
		return fmt.Errorf("reading %s: %w", digest, err)
	}
	defer in.release()
	err = eachMember(in.tar, func(i int, _ *tar.Header, content io.Reader) error {
		if i >= len(out) {
			return fmt.Errorf("it has more members than the %d in its facts: %w", len(out), errFacts)
		}
		if out[i] == nil {
			return nil
		}
		if contents != nil && out[i].Typeflag == tar.TypeReg {
			if change := contents(cleanName(out[i].Name)); change != nil {
				return s.changeMember(tw, out[i], content, change)
			}
		}
		return s.copyMember(tw, out[i], content)
	})
	if err == nil {
		err = in.finish() // and with it the blob's digest
	}
	if err = in.explain(err); err != nil {
		return fmt.Errorf("reading %s: %w", digest, err)
	}
	return nil
}

// changeMember writes a member with the content that change returns.
func (s *Store) changeMember(tw *tar.Writer, h *tar.Header, content io.Reader, change func([]byte) []byte) error {
	if h.Size > maxChanged {
		return fmt.Errorf("changing its content of %d bytes: at most %d are possible", h.Size, maxChanged)
	}
	old, err := io.ReadAll(content)
	if err != nil {
		return noEOF(err)
	}
	b := change(old)
	h.Size = int64(len(b))
	return s.copyMember(tw, h, bytes.NewReader(b))
}

// A memberID is the number of a blob and the number of a member in it.
type memberID struct{ blob, member int }

// A rewritePlan holds, for each member of each blob, the header to write, or nil.
type rewritePlan struct {
	out   [][]*tar.Header
	at    map[string]target // by path in the new layer
	links []link
	// gone has dropped members and members that lost, whose bytes their hard links may still need.
	gone map[memberID]*tar.Header
}

// A target is the member that is at a path in the new layer.
type target struct {
	memberID
	dir bool
}

// A link is a hard link that is to be written, and the member that it links to.
type link struct {
	from memberID
	to   memberID
}

// planRewrite decides from the facts of the blobs which members remain.
func (s *Store) planRewrite(ctx context.Context, digests []string, edit func(src int, h *tar.Header) (bool, error),
) ([][]*tar.Header, error) {
	p := rewritePlan{out: make([][]*tar.Header, len(digests)), at: map[string]target{}, gone: map[memberID]*tar.Header{}}
	for i, digest := range digests {
		meant := map[string]memberID{} // by path in the blob; for its hard links
		r, err := s.facts(ctx, digest, false)
		if err != nil {
			return nil, lost(digest, err)
		}
		for entry, err := range r.each {
			if err == nil {
				err = p.add(i, entry, meant, func(h *tar.Header) (bool, error) { return edit(i, h) })
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return p.out, p.checkLinks()
}

// add plans the next member of blob i. meant maps a path of the blob to the member that a hard link to it means.
func (p *rewritePlan) add(i int, entry Entry, meant map[string]memberID, edit Edit) error {
	here := memberID{i, len(p.out[i])}
	p.out[i] = append(p.out[i], nil)
	from := entry.Path()
	if from == "" {
		return nil
	}
	h := tidyHeader(entry.Header)
	var to memberID
	if h.Typeflag == tar.TypeLink {
		var ok bool
		if to, ok = meant[cleanName(h.Linkname)]; !ok { // Ingest has checked that it is there
			return fmt.Errorf("member %q: hard link to %q: %w", h.Name, h.Linkname, errFacts)
		}
		if out := p.out[to.blob][to.member]; out != nil {
			h.Linkname = out.Name
		}
		meant[from] = to
	} else {
		meant[from] = here
	}
	final, err := applyEdit(edit, h)
	if err != nil {
		return fmt.Errorf("member %q: %w", entry.Header.Name, err)
	}
	if final == "" {
		p.gone[here] = h
		return nil
	}
	if h.Typeflag == tar.TypeLink {
		p.links = append(p.links, link{here, to})
	}
	return p.put(final, h, here)
}

// put plans to write h at path. It displaces the member that was planned there before.
func (p *rewritePlan) put(path string, h *tar.Header, here memberID) error {
	old, taken := p.at[path]
	dir := h.Typeflag == tar.TypeDir
	switch {
	case taken && old.dir != dir:
		return fmt.Errorf("%q is a folder and something else: drop one of them", path)
	case taken && dir:
		here = old.memberID
	case taken:
		p.gone[old.memberID] = p.out[old.blob][old.member]
		p.out[old.blob][old.member] = nil
	}
	p.out[here.blob][here.member] = h
	p.at[path] = target{here, dir}
	return nil
}

// checkLinks gives each remaining hard link the new name of its target, or its target's bytes.
func (p *rewritePlan) checkLinks() error {
	for _, l := range p.links {
		h, to := p.out[l.from.blob][l.from.member], p.out[l.to.blob][l.to.member]
		switch {
		case h == nil:
		case to != nil:
			h.Linkname = to.Name
		case p.gone[l.to] == nil:
			return fmt.Errorf("member %q: %w", h.Name, errDroppedTarget)
		default:
			file := *h
			file.Typeflag, file.Linkname, file.Size = tar.TypeReg, "", p.gone[l.to].Size
			p.out[l.to.blob][l.to.member] = &file // written when the blob's bytes are read
			p.out[l.from.blob][l.from.member] = nil
		}
	}
	return nil
}
