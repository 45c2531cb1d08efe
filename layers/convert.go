package layers

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/pyimg/pyimg/layers/internal/compress"
)

// An Edit decides about one member of an archive. It may change the header's name, owner, mode, times and link target,
// or drop the member. The name is clean: "usr/bin/" for a folder, "usr/bin/x" for everything else. The entry of the
// root itself is dropped without a call of Edit, and so is a member that Edit renames to "".
//
// A hard link's target follows the new name of its target: the store ignores a Linkname that Edit sets there. If a new
// name implies folders, they are not made up.
type Edit func(h *tar.Header) (keep bool, err error)

// Convert edits a foreign tarball (gzip, zstd or a plain tar) in one pass and stores the result as a layer. It also
// returns the digest of the tarball. The recipe describes edit and has a version. If the source's digest is given, and
// a layer of that recipe and source is stored, Convert does not open the source.
//
// Convert refuses what Ingest refuses, before the edit and after it. The exception is whiteouts and members that
// overlayfs treats like them: edit sees these and must drop or rename them. Convert also refuses a hard link whose
// target was dropped, and a path that appears twice, since one pass cannot know which one comes last. For such an
// archive use Ingest and Rewrite.
func (s *Store) Convert(ctx context.Context, src Source, recipe string, making MakeOptions, edit Edit) (Blob, string, error) {
	o, err := making.fill()
	if err != nil {
		return Blob{}, "", fmt.Errorf("converting %q: %w", src.Name, err)
	}
	key := func(digest string) string { return recipeKey(o, "convert", digest+"\n"+recipe) }
	digest := src.Digest
	build := func() (b Blob, err error) {
		b, err = s.build(ctx, o, func(tw *tar.Writer) (err error) {
			digest, err = s.convert(ctx, src, tw, edit)
			return err
		})
		return b, err
	}
	var b Blob
	if src.Digest != "" {
		b, err = s.made(ctx, key(src.Digest), build)
	} else if b, err = build(); err == nil {
		err = s.SetRecord(key(digest), []byte(b.Digest))
	}
	if err != nil {
		return Blob{}, "", fmt.Errorf("converting %q: %w", src.Name, err)
	}
	return b, digest, nil
}

// convert writes the edited members of src and returns the source's digest.
func (s *Store) convert(ctx context.Context, src Source, tw *tar.Writer, edit Edit) (string, error) {
	r, err := src.Open(ctx)
	if err != nil {
		return "", fmt.Errorf("opening it: %w", err)
	}
	defer r.Close()
	in, err := s.input(ctx, r, inputOptions{plain: true, noDiff: true})
	if err != nil {
		return "", err
	}
	defer in.release()
	e := editor{edit: edit, renamed: map[string]string{}, written: map[string]bool{}}
	err = eachMember(in.tar, func(_ int, h *tar.Header, content io.Reader) error {
		h, err := e.member(h)
		if h == nil || err != nil {
			return err
		}
		return s.copyMember(tw, h, content)
	})
	if err == nil {
		err = in.finish()
	}
	if err = in.explain(err); err != nil && in.mediaType == "" {
		return "", fmt.Errorf("reading it as a plain tar, since it is %w: %w", compress.ErrPlain, err)
	} else if err != nil {
		return "", err
	}
	digest := formatDigest(in.raw.hash.Sum(nil))
	if src.Digest != "" && src.Digest != digest {
		return "", wrongDigest(src, digest, nil)
	}
	return digest, nil
}

// eachMember calls do for each member of the tar in r, with its number. It skips global PAX headers.
func eachMember(r io.Reader, do func(i int, h *tar.Header, content io.Reader) error) error {
	tr := tar.NewReader(r)
	for i := 0; ; i++ {
		h, err := tr.Next()
		for err == nil && h.Typeflag == tar.TypeXGlobalHeader {
			h, err = tr.Next()
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &DamageError{fmt.Errorf("after %d members: %w", i, err)}
		}
		if i >= maxEntries {
			return &DamageError{fmt.Errorf("the archive has more than %d members", maxEntries)}
		}
		if err := do(i, h, tr); err != nil {
			return fmt.Errorf("member %q: %w", h.Name, err)
		}
	}
}

// An editor edits the members of one archive, one after the other.
type editor struct {
	edit    Edit
	renamed map[string]string // by path in the archive: the path in the new layer; "" if dropped
	written map[string]bool   // by path in the new layer
}

// member returns the header to write, or nil if the member is dropped.
func (e *editor) member(h *tar.Header) (*tar.Header, error) {
	if err := checkMember(h, maps.Keys(h.PAXRecords)); err != nil && !isDeletion(err) {
		return nil, &MemberError{err}
	}
	from := cleanName(h.Name)
	if from == "" {
		return nil, nil
	}
	h = tidyHeader(h)
	target, known := "", false
	if h.Typeflag == tar.TypeLink {
		was := h.Linkname
		if target, known = e.renamed[cleanName(was)]; !known {
			return nil, &MemberError{fmt.Errorf("hard link to %q, which is not an earlier member of the archive", was)}
		}
		h.Linkname = target
	}
	to, err := applyEdit(e.edit, h)
	if err != nil {
		return nil, err
	}
	e.renamed[from] = to
	if to == "" {
		return nil, nil
	}
	if known && target == "" {
		return nil, errDroppedTarget
	}
	if h.Typeflag == tar.TypeLink {
		h.Linkname = target
	}
	if e.written[to] {
		return nil, &MemberError{fmt.Errorf("%q appears twice after the edit: ingest the archive and rewrite it, so that the last one wins", to)}
	}
	e.written[to] = true
	return h, nil
}

var errDroppedTarget = errors.New("hard link whose target is dropped: drop both, or neither")

// applyEdit calls edit with h. It returns the path to write the member at, or "" if edit drops it.
func applyEdit(edit Edit, h *tar.Header) (string, error) {
	keep, err := edit(h)
	if err != nil || !keep {
		return "", err
	}
	if err := checkMember(h, maps.Keys(h.PAXRecords)); err != nil {
		return "", &MemberError{fmt.Errorf("as %q: %w", h.Name, err)}
	}
	to := cleanName(h.Name)
	h.Name = tidyName(to, h.Typeflag == tar.TypeDir)
	return to, nil
}

// tidyHeader returns a copy of h in the form that every runtime reads in the same way.
func tidyHeader(h *tar.Header) *tar.Header {
	t := &tar.Header{
		Typeflag: h.Typeflag, Size: h.Size,
		Name: tidyName(cleanName(h.Name), h.Typeflag == tar.TypeDir), Linkname: h.Linkname,
		Mode: h.Mode & 0o7777, Uid: h.Uid, Gid: h.Gid, Uname: h.Uname, Gname: h.Gname, ModTime: h.ModTime,
		Devmajor: h.Devmajor, Devminor: h.Devminor, PAXRecords: foreignPAX(h.PAXRecords),
	}
	switch h.Typeflag {
	case tar.TypeCont, tar.TypeGNUSparse:
		t.Typeflag = tar.TypeReg
	}
	return t
}

// copyMember writes a member with its content. A time with a fraction of a second needs a PAX header, which the writer
// makes only if Format asks for it.
func (s *Store) copyMember(tw *tar.Writer, h *tar.Header, content io.Reader) error {
	if h.ModTime.Nanosecond() != 0 {
		h.Format = tar.FormatPAX
	}
	if h.Typeflag != tar.TypeReg {
		h.Size = 0
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	if h.Size == 0 {
		return nil
	}
	buf := s.takeBuffer()
	defer s.giveBuffer(buf)
	n, err := io.CopyBuffer(onlyWriter{tw}, onlyReader{content}, *buf)
	if err == nil && n < h.Size {
		err = io.ErrUnexpectedEOF
	}
	return err
}
