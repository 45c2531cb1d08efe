package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Check reads everything that the index has, and compares it with its manifest.json, whose signature verify checks; verify may be nil.
// The error is a *repository.DamageError with all faults, unless the registry does not answer.
func (x *Index) Check(ctx context.Context, verify func(manifest, signature []byte) error) (repository.Manifest, error) {
	c, err := artifact.Read(ctx, x.ref, x.from)
	if err != nil {
		return repository.Manifest{}, err
	}
	m, err := repository.ParseManifest(c.Manifest)
	if err != nil {
		return m, err
	}
	var faults []error
	if verify != nil {
		if err := verify(c.Manifest, c.Signature); err != nil {
			faults = append(faults, fmt.Errorf("verifying the signature: %w", err))
		}
	}
	listed, err := x.checkManifests(ctx, c.Index, m.Wheels)
	if err != nil {
		return m, err
	}
	wrong, err := x.checkBlobs(ctx, m.Wheels)
	if err != nil {
		return m, err
	}
	if err := errors.Join(slices.Concat(faults, listed, wrong)...); err != nil {
		return m, &repository.DamageError{Err: fmt.Errorf("checking the index of wheels %s: %w", x.ref, err)}
	}
	return m, nil
}

// checkManifests compares the manifests that hold the wheels with the list.
func (x *Index) checkManifests(ctx context.Context, index artifact.Document, wheels []repository.Record) (faults []error, err error) {
	want := make(map[string]string) // digests by title
	for _, w := range wheels {
		want[w.File], want[w.File+".metadata"] = "sha256:"+w.SHA256, "sha256:"+w.Metadata
	}
	for _, m := range index.Manifests {
		if m.ArtifactType != artifact.FilesType {
			continue
		}
		doc, err := x.document(ctx, m)
		if err != nil {
			return nil, err
		}
		for _, l := range doc.Layers {
			if l.MediaType == artifact.EmptyMedia {
				continue
			}
			digest, there := want[l.Title()]
			switch {
			case !there:
				faults = append(faults, fmt.Errorf("the manifest %s holds %.200q, which manifest.json does not list, or which it holds twice", m.Digest, l.Title()))
			case digest != l.Digest:
				faults = append(faults, fmt.Errorf("the manifest %s has %s as %.200q, manifest.json says %s", m.Digest, l.Digest, l.Title(), digest))
			}
			delete(want, l.Title())
		}
	}
	for _, w := range wheels {
		if _, missing := want[w.File]; missing {
			faults = append(faults, fmt.Errorf("no manifest holds %s: the registry may remove it", w.File))
		}
	}
	return faults, nil
}

// checkBlobs reads all wheels and their METADATA.
func (x *Index) checkBlobs(ctx context.Context, wheels []repository.Record) ([]error, error) {
	faults := make([][]error, len(wheels))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, w := range wheels {
		g.Go(func() error {
			for _, f := range []struct {
				name, sum string
				size      int64
			}{{w.File, w.SHA256, w.Size}, {w.File + ".metadata", w.Metadata, -1}} {
				fault, err := x.checkBlob(ctx, f.sum, f.size)
				if err != nil {
					return err
				}
				if fault != nil {
					faults[i] = append(faults[i], fmt.Errorf("%s: %w", f.name, fault))
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return slices.Concat(faults...), err
}

// maxBlob bounds a wheel whose size is not what it should be.
const maxBlob = 16 << 30

func (x *Index) checkBlob(ctx context.Context, sum string, size int64) (fault, err error) {
	f, err := x.open(ctx, "sha256:"+sum)
	if isMissing(err) {
		return errors.New("the registry does not have it"), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxBlob))
	if err != nil {
		return nil, err
	}
	if found := hex.EncodeToString(h.Sum(nil)); found != sum || size >= 0 && n != size {
		return fmt.Errorf("it has the SHA-256 %s, manifest.json says %s", found, sum), nil
	}
	return nil, nil
}
