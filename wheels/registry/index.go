package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheels/repository"
)

// atOnce is how many blobs are asked for or sent at once.
const atOnce = 8

// Index is an index of wheels in a registry.
type Index struct {
	ref  registryurl.Reference
	repo *remote.Repository // nil where the index is only read
	from artifact.Opener
}

// Open is the index that a reference names. repo is for writing; without it the index is only read.
func Open(ref registryurl.Reference, repo *remote.Repository, from artifact.Opener) *Index {
	return &Index{ref, repo, from}
}

// Reference is what the index is called.
func (x *Index) Reference() registryurl.Reference { return x.ref }

// State is what the registry has of an index.
type State struct {
	artifact.Contents // its Digest is "" where there is no index yet
	Manifest          repository.Manifest
	Failures          []repository.Failure

	logs []artifact.Descriptor // of the failures
}

// Read reads the index. One that is not there is empty.
func (x *Index) Read(ctx context.Context) (State, error) {
	s, err := x.readAt(ctx, x.ref)
	if err != nil {
		return s, err
	}
	s.Failures, s.logs, err = x.readStatus(ctx)
	return s, err
}

func (x *Index) readAt(ctx context.Context, ref registryurl.Reference) (s State, err error) {
	s.Contents, err = artifact.Read(ctx, ref, x.from)
	if errors.As(err, new(*artifact.MissingError)) {
		return State{}, nil
	}
	if err != nil {
		return s, err
	}
	if s.Manifest, err = repository.ParseManifest(s.Contents.Manifest); err != nil {
		return s, fmt.Errorf("reading the index of wheels %s: %w", ref, err)
	}
	return s, nil
}

// open opens a blob of the repository.
func (x *Index) open(ctx context.Context, digest string) (io.ReadCloser, error) {
	return x.from.Open(ctx, registryurl.Location{Repository: x.ref.Repository, Blob: digest, Name: "blob"}.String())
}

// uncounted is for uploads that nobody watches.
type uncounted struct{}

func (uncounted) Add(int64) {}

// send sends blobs that the repository does not have.
func (x *Index) send(ctx context.Context, blobs []oci.Blob) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	sent := make(map[v1.Hash]bool)
	for _, b := range blobs {
		if sent[b.Desc.Digest] {
			continue
		}
		sent[b.Desc.Digest] = true
		g.Go(func() error {
			there, err := x.repo.HasBlob(ctx, x.repo.Repo, b.Desc.Digest)
			if err == nil && !there {
				_, err = x.repo.Upload(ctx, b, "", uncounted{})
			}
			return err
		})
	}
	return g.Wait()
}

// blobOf is a blob with its bytes in memory.
func blobOf(content []byte) oci.Blob {
	return oci.Memory(v1.Descriptor{Digest: oci.SHA256(content), Size: int64(len(content))}, content)
}

// wheelBlobs are the blobs of wheels and their METADATA that folders have. What they do not have, the repository has.
func wheelBlobs(records []repository.Record, from files) ([]oci.Blob, error) {
	var out []oci.Blob
	for _, r := range records {
		for _, sum := range []string{r.SHA256, r.Metadata} {
			f, size, err := from.open(sum)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				return nil, fmt.Errorf("reading %s for the registry: %w", r.File, err)
			}
			desc := v1.Descriptor{Digest: v1.Hash{Algorithm: "sha256", Hex: sum}, Size: size}
			out = append(out, oci.Blob{Desc: desc, Open: func() (io.ReadCloser, error) {
				f, _, err := from.open(sum)
				if err != nil {
					return nil, err
				}
				return oci.NewReader(f, desc), nil
			}})
		}
	}
	return out, nil
}

// put stores manifests by their digests.
func (x *Index) put(ctx context.Context, documents []document) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, d := range documents {
		g.Go(func() error {
			m, err := d.manifest()
			if err == nil {
				_, err = x.repo.PutManifest(ctx, m, d.descriptor.Digest)
			}
			return err
		})
	}
	return g.Wait()
}

func (d document) manifest() (oci.Manifest, error) {
	digest, err := v1.NewHash(d.descriptor.Digest)
	return oci.Manifest{Desc: v1.Descriptor{MediaType: types.MediaType(d.descriptor.MediaType), Digest: digest, Size: d.descriptor.Size}, Raw: d.raw}, err
}

// sizes finds the size of each METADATA: as a folder has it, as a manifest of the registry says, or by reading it.
func (x *Index) sizes(ctx context.Context, records []repository.Record, from files, known ...artifact.Document) (map[string]int64, error) {
	out := make(map[string]int64)
	for _, d := range known {
		for _, m := range d.Manifests {
			if m.ArtifactType != artifact.FilesType {
				continue
			}
			doc, err := x.document(ctx, m)
			if err != nil {
				return nil, err
			}
			for _, l := range doc.Layers {
				out[l.Digest[len("sha256:"):]] = l.Size
			}
		}
	}
	for _, r := range records {
		if _, is := out[r.Metadata]; is {
			continue
		}
		f, size, err := from.open(r.Metadata)
		if errors.Is(err, fs.ErrNotExist) {
			size, err = x.measure(ctx, r.Metadata)
		} else if err == nil {
			err = f.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("finding the METADATA of %s: %w", r.File, err)
		}
		out[r.Metadata] = size
	}
	return out, nil
}

func (x *Index) measure(ctx context.Context, sha256 string) (int64, error) {
	f, err := x.open(ctx, "sha256:"+sha256)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(f, distinfo.MaxFile))
	return n, err
}

// document reads a manifest of files.
func (x *Index) document(ctx context.Context, d artifact.Descriptor) (artifact.Document, error) {
	raw, err := x.bytes(ctx, registryurl.Location{Repository: x.ref.Repository, Manifest: d.Digest}, artifact.MaxManifest)
	if err != nil {
		return artifact.Document{}, err
	}
	return artifact.ParseDocument(raw, d.ArtifactType)
}

// bytes reads something small that its location names by digest, and checks it.
func (x *Index) bytes(ctx context.Context, l registryurl.Location, most int64) ([]byte, error) {
	r, err := x.from.Open(ctx, l.String())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := oci.ReadAll(r, most)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", l, err)
	}
	if want := l.Manifest + l.Blob; oci.SHA256(raw).String() != want {
		return nil, &oci.DigestError{Name: l.String(), Want: want, Got: oci.SHA256(raw).String(), Size: int64(len(raw)), GotSize: int64(len(raw))}
	}
	return raw, nil
}

// isMissing reports whether a registry does not have something.
func isMissing(err error) bool {
	return err != nil && (errors.Is(err, fs.ErrNotExist) || remote.IsMissing(err))
}

// mayPass reports whether writing the index may succeed after it has been read again.
func mayPass(err error) bool {
	var e *remote.Error
	return errors.Is(err, errMoved) || errors.As(err, &e) && (e.Status == http.StatusPreconditionFailed || e.Status == http.StatusConflict ||
		patience.TemporaryStatus(e.Status) || patience.Temporary(e.Err))
}
