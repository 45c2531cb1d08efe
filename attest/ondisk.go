package attest

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/push/oci"
)

// maxOnDisk bounds the artifacts that one Read holds in memory, in bytes, as push does it for those of a registry.
const maxOnDisk = 512 << 20

// OnDisk is the Source of a layout: its artifacts, as disk.ReadReferrers lists them.
type OnDisk []oci.Referrer

// Referrers lists what is attached to the image or index with the digest.
func (d OnDisk) Referrers(_ context.Context, digest string) ([]v1.Descriptor, error) {
	var list []v1.Descriptor
	for _, r := range d {
		if r.Subject.String() == digest {
			list = append(list, r.Manifest.Desc)
		}
	}
	return list, nil
}

// Read reads artifacts of the layout.
func (d OnDisk) Read(_ context.Context, _ string, list []v1.Descriptor, most int64) ([][]byte, error) {
	byDigest := make(map[v1.Hash]oci.Referrer, len(d))
	for _, r := range d {
		byDigest[r.Manifest.Desc.Digest] = r
	}
	all := make([][]byte, len(list))
	var total int64
	for i, desc := range list {
		r, ok := byDigest[desc.Digest]
		if !ok || len(r.Blobs) != 2 || r.Blobs[0].Desc.Size < 0 || r.Blobs[0].Desc.Size > most { // its file, and its config
			continue
		}
		if total += r.Blobs[0].Desc.Size; total > maxOnDisk {
			return nil, fmt.Errorf("the layout's attached artifacts have more than %d bytes in all", int64(maxOnDisk))
		}
		var err error
		if all[i], err = readBlob(r.Blobs[0]); err != nil {
			return nil, fmt.Errorf("reading the artifact %q: %w", desc.Digest, err)
		}
	}
	return all, nil
}

func readBlob(b oci.Blob) ([]byte, error) {
	rc, err := b.Open()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, b.Desc.Size+1))
	if err != nil {
		return nil, err
	}
	return data, oci.Check(data, b.Desc)
}
