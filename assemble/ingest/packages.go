package ingest

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/layers"
)

// Unit is one package of an image, ingested.
type Unit struct {
	Pkg     *apk.Package
	Control *apk.Control
	Blob    layers.Blob // the data stream; zero for a package that unpacks nothing
	Tag     string      // for the database
	Fetched bool        // it was not in the store
	leftOut bool        // its archive has files all the same, see hasFiles
}

func (u Unit) String() string { return "apk " + u.Pkg.Name + "=" + u.Pkg.Version }

// Unpacks reports whether the package brings files: a package of installed size 0 is only in the database.
func (u Unit) Unpacks() bool { return u.Blob.Digest != "" }

// Package brings a package's data stream into the store. Where the store has it, nothing is fetched: the control
// stream that was kept is checked against the index, and names the data stream by its digest.
func (m Mirrors) Package(ctx context.Context, p *apk.Package) (Unit, error) {
	if u, err := m.stored(ctx, p); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return u, err
	}
	leave, err := m.Store.Alone(ctx, headKey(p)) // platforms and images share packages, and each is fetched once
	if err != nil {
		return Unit{}, err
	}
	defer leave()
	known, err := m.stored(ctx, p)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return known, err
	}
	var errs []error
	for _, url := range p.URLs() {
		u, err := m.fetch(ctx, p, url, known.Control)
		if err == nil {
			return u, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return Unit{}, joinMirrors(errs)
}

// An absentError says that no mirror has a file: one that is only out of reach might.
type absentError struct{ error }

func (e absentError) Unwrap() error { return e.error }

// joinMirrors joins what the mirrors answered.
func joinMirrors(errs []error) error {
	there := func(err error) bool { return !errors.Is(err, fs.ErrNotExist) }
	if err := errors.Join(errs...); err == nil || slices.ContainsFunc(errs, there) {
		return err
	}
	return absentError{errors.Join(errs...)}
}

// headKey names the record of a package's control stream and signature, by what the index says the former hashes to.
func headKey(p *apk.Package) string { return "apk-head-" + hex.EncodeToString(p.Checksum[:]) }

// A head is what a build keeps of a package's file before its data. It is one record, since each record is a file that is made and
// renamed:
//
//	0, and the raw control stream, the raw signature, and the members of the control stream, each after its length
//	the length of the control stream, the control stream, and the signature: written by earlier versions
type head struct{ control, signature, members []byte }

func (h head) encode() []byte {
	b := binary.AppendUvarint(nil, 0)
	for _, part := range [][]byte{h.control, h.signature, h.members} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return b
}

// parseHead reports false for a damaged head.
func parseHead(b []byte) (h head, ok bool) {
	take := func() []byte {
		n, width := binary.Uvarint(b)
		if ok = width > 0 && n <= uint64(len(b)-width); !ok {
			return nil
		}
		part := b[width : width+int(n)]
		b = b[width+int(n):]
		return part
	}
	if first := take(); !ok || len(first) > 0 {
		return head{control: first, signature: b}, ok
	}
	for _, part := range []*[]byte{&h.control, &h.signature, &h.members} {
		if *part = take(); !ok {
			return head{}, false
		}
	}
	return h, true
}

// storedHead returns what a build kept of a package; fs.ErrNotExist where it kept nothing, or it is damaged: fetching mends it.
func storedHead(p *apk.Package, store *layers.Store) (head, error) {
	raw, err := store.Record(headKey(p))
	if err != nil {
		return head{}, err
	}
	h, ok := parseHead(raw)
	if !ok {
		return head{}, fs.ErrNotExist
	}
	return h, nil
}

// parse reads the control stream. It does not inflate what was inflated when the package was fetched.
func (h head) parse() (*apk.Control, error) {
	if len(h.members) > 0 {
		return apk.RecallControl(h.control, h.members)
	}
	return apk.ParseControl(h.control)
}

// storedControl returns the control stream that a build kept of a package; fs.ErrNotExist where it is not there or is damaged.
func storedControl(p *apk.Package, store *layers.Store) (*apk.Control, error) {
	h, err := storedHead(p, store)
	if err != nil {
		return nil, err
	}
	c, err := h.parse()
	if err != nil || c.Checksum != p.Checksum {
		return nil, fs.ErrNotExist // damaged: fetching mends it
	}
	return c, nil
}

// controlKey is the question which control stream has this checksum.
type controlKey apk.Checksum

// stored is storedPackage, but the images of one run share the control streams: each is read and checked once.
func (m Mirrors) stored(ctx context.Context, p *apk.Package) (Unit, error) {
	c, err := memo.Known(ctx, m.Memo, controlKey(p.Checksum), func(context.Context) (*apk.Control, error) {
		return storedControl(p, m.Store)
	})
	if err != nil {
		return Unit{}, err
	}
	return storedUnit(p, c, m.Store)
}

// storedPackage finds a package in the store; fs.ErrNotExist where it is not there or not whole. It has its control stream where only
// the data stream is missing.
func storedPackage(p *apk.Package, store *layers.Store) (Unit, error) {
	c, err := storedControl(p, store)
	if err != nil {
		return Unit{}, err
	}
	return storedUnit(p, c, store)
}

// storedUnit is the rest of storedPackage, for a package whose control stream is known.
func storedUnit(p *apk.Package, c *apk.Control, store *layers.Store) (u Unit, err error) {
	u = Unit{Pkg: p, Control: c}
	if c.Info.InstalledSize == 0 {
		_, err := store.Record(leftOutKey(p))
		u.leftOut = err == nil
		return u, nil
	}
	u.Blob, err = store.Blob("sha256:" + c.DataHash)
	return u, err
}

// fetch reads a package in one pass: signature, control, and the data stream into the store. known is its control stream; nil where
// only the package can say.
func (m Mirrors) fetch(ctx context.Context, p *apk.Package, url string, known *apk.Control) (u Unit, err error) {
	if known != nil && known.DataHash != "" { // somebody may be streaming it into the store right now
		u = Unit{Pkg: p, Control: known, Fetched: true}
		u.Blob, err = m.Store.Ingest(ctx, m.data(p, url, "sha256:"+known.DataHash))
		return u, err
	}
	f, err := m.open(ctx, p, url)
	if err != nil {
		return Unit{}, err
	}
	defer f.Close()
	u = Unit{Pkg: p, Control: f.control, Fetched: true}
	if f.digest != "" {
		if u.Blob, err = m.Store.Ingest(ctx, f.source()); err != nil {
			return u, err
		}
	} else if err := u.noteLeftOut(f, m.Store); err != nil {
		return u, err
	}
	return u, f.keep(p, m.Store)
}

// Stream reads a package whose data stream is known to have this digest: from the store, or from a mirror and
// into the store in one pass.
func (m Mirrors) Stream(ctx context.Context, p *apk.Package, digest string) (io.ReadCloser, error) {
	var errs []error
	for _, url := range p.URLs() {
		r, err := m.stream(ctx, p, url, digest)
		if err == nil || ctx.Err() != nil {
			return r, err
		}
		errs = append(errs, err)
	}
	return nil, joinMirrors(errs)
}

// stream opens the data stream from one mirror. While it does so, nobody else opens the package.
func (m Mirrors) stream(ctx context.Context, p *apk.Package, url, digest string) (io.ReadCloser, error) {
	leave, err := m.Store.Alone(ctx, headKey(p))
	if err != nil {
		return nil, err
	}
	defer leave()
	return m.Store.IngestWhileReading(ctx, m.data(p, url, digest))
}

// data is a package's data stream for the store, which opens the package only where it lacks the stream.
func (m Mirrors) data(p *apk.Package, url, digest string) layers.Source {
	return layers.Source{Name: redact.URL(url), Digest: digest, Open: func(ctx context.Context) (io.ReadCloser, error) {
		f, err := m.open(ctx, p, url)
		if err != nil {
			return nil, err
		}
		if err := SameData(p, f.digest, digest); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, f.keep(p, m.Store)
	}}
}

// A packageFile is a package that was read up to its data stream, which it reads.
type packageFile struct {
	io.Reader
	io.Closer
	control   *apk.Control
	signature []byte // raw
	digest    string // of the data stream; "" for a package that unpacks nothing
	name      string
}

// keep notes the streams before the data: the control stream, so that a later build reads no package, and the signature,
// so that the file can be put together again (see StoredArchive).
func (f *packageFile) keep(p *apk.Package, store *layers.Store) error {
	return store.SetRecord(headKey(p), head{f.control.Raw, f.signature, f.control.Members()}.encode())
}

// open opens a package: its signature and control stream are read and checked.
func (m Mirrors) open(ctx context.Context, p *apk.Package, url string) (*packageFile, error) {
	f, err := m.Open(ctx, url, input.TransferName(p.String(), p.Arch), p.Size)
	if err != nil {
		return nil, err
	}
	name := redact.URL(url)
	// The store holds the data against the hash that the control stream has, so it is hashed once.
	a, err := apk.OpenArchive(f, apk.Expect{Package: p, Keyring: m.Keys, Name: name, DataUnchecked: true})
	if err == nil && a.Control.Info.InstalledSize != 0 && a.Control.DataHash == "" {
		err = fmt.Errorf("reading package %q: %w: its .PKGINFO has no datahash, so nothing vouches for its files", name, apk.ErrDamaged)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	out := &packageFile{Reader: a.Data, Closer: f, control: a.Control, signature: a.Signature, name: name}
	if a.Control.Info.InstalledSize != 0 {
		out.digest = "sha256:" + a.Control.DataHash
	}
	return out, nil
}

// source is the data stream for the store.
func (f *packageFile) source() layers.Source {
	return layers.Source{Name: f.name, Digest: f.digest,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(f), nil }}
}

// Installed hands a unit to apk's install rules.
func (u Unit) Installed(store *layers.Store) root.Installed {
	members := iter.Seq2[root.Member, error](func(func(root.Member, error) bool) {})
	if u.Unpacks() {
		members = func(yield func(root.Member, error) bool) {
			for e, err := range store.Entries(u.Blob.Digest) {
				if !yield(root.Member{Header: e.Header, Records: e.Records.All(), Content: e.Kept}, err) || err != nil {
					return
				}
			}
		}
	}
	return root.Installed{Package: u.Pkg, Control: u.Control, Members: members, Tag: u.Tag}
}
