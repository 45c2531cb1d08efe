package disk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/push/oci"
)

const (
	// refName is the annotation in index.json that names an image. See the OCI image-spec, annotations.md.
	refName = "org.opencontainers.image.ref.name"
	// imageName is containerd's annotation for the full name. "ctr image import" uses it.
	imageName = "io.containerd.image.name"
	// defaultTag is the tag of an image without one.
	defaultTag = "latest"

	indexFile  = "index.json"
	layoutFile = "oci-layout"
	blobsDir   = "blobs/sha256"
	// layoutVersion is the content of oci-layout. See the OCI image-spec, image-layout.md.
	layoutVersion = `{"imageLayoutVersion":"1.0.0"}`
	// lockFile is locked while index.json is changed. It is never removed: another process may be waiting for it.
	lockFile = ".index.json.lock"
)

// WriteLayout adds an index or image (see [oci.Root]) to the OCI layout in dir under a tag ("" means "latest"). It
// makes dir where it is missing. It keeps blobs of the right size that are there already. It changes index.json last,
// and only the entry of this tag. Other processes may write to the same layout.
func WriteLayout(ctx context.Context, dir, tag string, idx v1.ImageIndex) error {
	tag, err := layoutTag(tag)
	if err != nil {
		return err
	}
	_, err = patience.Promptly(ctx, func() (struct{}, error) { return struct{}{}, writeLayout(ctx, dir, tag, idx) })
	if err != nil {
		return fmt.Errorf("writing OCI layout %q: %w", dir, err)
	}
	return nil
}

func writeLayout(ctx context.Context, dir, tag string, idx v1.ImageIndex) error {
	g, err := oci.Walk(idx)
	if err != nil {
		return err
	}
	if err := checkLayout(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, blobsDir), 0o755); err != nil {
		return err
	}
	if err := writeBlobs(ctx, dir, g.Blobs()); err != nil {
		return err
	}
	return tagLayout(ctx, dir, tag, g.Root.Desc)
}

// writeBlobs writes several blobs at a time. Their order does not matter, because no manifest in index.json names them
// yet.
func writeBlobs(ctx context.Context, dir string, blobs []oci.Blob) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0)) // hashing is most of the work
	for _, b := range blobs {
		g.Go(func() error { return writeBlob(ctx, dir, b) })
	}
	return g.Wait()
}

// checkLayout returns an error for a folder with other files: the user probably meant another folder.
func checkLayout(dir string) error {
	raw, err := regular.Read(filepath.Join(dir, layoutFile), oci.MaxManifest)
	if err == nil {
		return checkVersion(raw)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case "blobs", indexFile, lockFile, layoutFile: // files of a layout that another process has begun
		default:
			if !isTemporary(e.Name()) {
				return fmt.Errorf("the folder is not empty and not an OCI layout: it has %q but no %q", e.Name(), layoutFile)
			}
		}
	}
	return nil
}

func checkVersion(raw []byte) error {
	var v struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("reading %q: %w", layoutFile, err)
	}
	if v.Version != "1.0.0" {
		return fmt.Errorf("reading %q: layout version %q, expected \"1.0.0\"", layoutFile, v.Version)
	}
	return nil
}

func blobPath(dir string, h v1.Hash) string { return filepath.Join(dir, blobsDir, h.Hex) }

// writeBlob writes a blob, unless dir has it with the right size: a blob is renamed to its digest only after its bytes
// were checked.
func writeBlob(ctx context.Context, dir string, b oci.Blob) error {
	path := blobPath(dir, b.Desc.Digest)
	if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() && fi.Size() == b.Desc.Size {
		return nil
	}
	rc, err := b.Open()
	if err != nil {
		return fmt.Errorf("opening blob %q: %w", b.Desc.Digest, err)
	}
	defer rc.Close()
	if f, ok := rc.(inFile); ok {
		var mismatch *oci.DigestError
		if err := copyFile(ctx, dir, path, f.File(), b.Desc); !errors.As(err, &mismatch) {
			return err
		}
		// The blob's own reader finds the same damage, and its error can say what to do.
		if _, err := f.File().Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	return replace(ctx, dir, path, func(w io.Writer) error { return copyReader(w, rc, b.Desc) })
}

// tagLayout makes a tag name desc in index.json.
func tagLayout(ctx context.Context, dir, tag string, desc v1.Descriptor) error {
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, lockFile)).Lock()
	if err != nil {
		return fmt.Errorf("locking %q: %w", lockFile, err)
	}
	defer unlock()
	im, err := readIndexFile(filepath.Join(dir, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		im, err = &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}, nil
	}
	if err != nil {
		return fmt.Errorf("reading %q: %w", indexFile, err)
	}
	desc.Annotations = map[string]string{refName: tag}
	at := slices.IndexFunc(im.Manifests, func(d v1.Descriptor) bool { return d.Annotations[refName] == tag })
	if at >= 0 {
		im.Manifests[at] = desc
	} else {
		im.Manifests = append(im.Manifests, desc)
	}
	raw, err := json.Marshal(im)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		raw  []byte
	}{{layoutFile, []byte(layoutVersion)}, {indexFile, raw}} {
		write := func(w io.Writer) error { _, err := w.Write(f.raw); return err }
		if err := replace(ctx, dir, filepath.Join(dir, f.name), write); err != nil {
			return err
		}
	}
	return nil
}

func readIndexFile(path string) (*v1.IndexManifest, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := oci.ReadAll(f, oci.MaxManifest)
	if err != nil {
		return nil, err
	}
	return v1.ParseIndexManifest(bytes.NewReader(raw))
}

// maxTag bounds a tag, or a full name with a tag.
const maxTag = 512

// layoutTag returns a tag that is a valid ref.name. See the OCI image-spec, annotations.md.
func layoutTag(tag string) (string, error) {
	if tag == "" {
		return defaultTag, nil
	}
	if len(tag) > maxTag || !regexp.MustCompile(`^[A-Za-z0-9]+([-._:@+/][A-Za-z0-9]+|--[A-Za-z0-9]+)*$`).MatchString(tag) {
		return "", fmt.Errorf("tag %q must consist of letters and digits, with single - . _ : @ + / between them", tag)
	}
	return tag, nil
}
