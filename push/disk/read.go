package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/push/oci"
)

// ReadLayout opens an image in an OCI layout folder, or in a tar archive of OCI's or docker's form. ":TAG" or ":DIGEST"
// may follow the path; it is required where there are several images. Layers are read only when the caller asks for
// them. A single image is returned as an index of one (see [oci.Root]).
func ReadLayout(path string) (v1.ImageIndex, error) {
	location, tag, err := splitLayout(path)
	if err != nil {
		return nil, err
	}
	idx, err := readLayout(location, tag)
	if err != nil {
		return nil, fmt.Errorf("reading image layout %q: %w", location, err)
	}
	return idx, nil
}

// splitLayout splits a path from the tag behind it. The path may contain colons: the shortest part that exists is the
// path.
func splitLayout(path string) (location, tag string, err error) {
	if _, err = os.Stat(path); err == nil {
		return path, "", nil
	}
	for i, c := range path {
		if c != ':' || i == 0 {
			continue
		}
		if _, serr := os.Stat(path[:i]); serr == nil {
			return path[:i], path[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("reading image layout: %w", err)
}

// OpenFile opens a file of a layout by its path in the layout, and returns the file's size. The error is fs.ErrNotExist
// where the file is missing.
type OpenFile func(path string) (io.ReadCloser, int64, error)

// ReadLayoutFrom reads a layout as [ReadLayout] does; open opens its files. tag may be a tag, the tag of a full name,
// or a digest.
func ReadLayoutFrom(open OpenFile, tag string) (v1.ImageIndex, error) {
	idx, err := (&files{opener: open}).layout(tag)
	if err != nil {
		return nil, fmt.Errorf("reading image layout: %w", err)
	}
	return idx, nil
}

func readLayout(location, tag string) (v1.ImageIndex, error) {
	files, err := openFiles(location)
	if err != nil {
		return nil, err
	}
	return files.layout(tag)
}

// entries reads index.json.
func (f *files) entries() (*v1.IndexManifest, []byte, error) {
	raw, err := f.small(indexFile, oci.MaxManifest)
	if err != nil {
		return nil, nil, err
	}
	im, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, oci.Damagef("reading %q: %w", indexFile, err)
	}
	return im, raw, nil
}

func (f *files) layout(tag string) (v1.ImageIndex, error) {
	im, raw, err := f.entries()
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(im.Manifests) == 0 && f.has(dockerFile) {
		return nil, f.noIndex()
	}
	if err != nil {
		return nil, err
	}
	return f.chosen(im, raw, tag)
}

// chosen opens the image in index.json that tag names.
func (f *files) chosen(im *v1.IndexManifest, raw []byte, tag string) (v1.ImageIndex, error) {
	if isWholeIndex(im, tag) {
		return oci.Open(f, v1.Descriptor{MediaType: types.OCIImageIndex, Digest: oci.SHA256(raw), Size: int64(len(raw))}, raw)
	}
	images := slices.DeleteFunc(slices.Clone(im.Manifests), func(d v1.Descriptor) bool { return d.ArtifactType != "" && len(namesOf(d)) == 0 }) // see ReadReferrers
	items := make([]named, len(images))
	for i, d := range images {
		items[i] = named{namesOf(d), d.Digest.String()}
	}
	i, err := choose(items, tag)
	if err != nil {
		return nil, err
	}
	return f.open(images[i])
}

// isWholeIndex reports whether index.json is itself the index of a multi-platform image, as some tools write it: it has
// several entries, each with a platform, and they have no name or all have the name that tag means.
func isWholeIndex(im *v1.IndexManifest, tag string) bool {
	if len(im.Manifests) < 2 {
		return false
	}
	platforms := map[string]bool{}
	for _, d := range im.Manifests {
		if d.Platform == nil || !slices.Equal(namesOf(d), namesOf(im.Manifests[0])) {
			return false
		}
		platforms[d.Platform.String()] = true
	}
	names := namesOf(im.Manifests[0])
	named := tag == "" || slices.ContainsFunc(names, func(n string) bool { return means(n, tag) })
	return named && (len(names) == 0 || len(platforms) == len(im.Manifests))
}

// files are the files of a layout: in a folder, or in an archive with the positions of its members.
type files struct {
	path    string
	opener  OpenFile          // nil for a folder and an archive
	members map[string]span   // nil for a folder
	archive io.ReaderAt       // nil for a folder
	alias   map[string]string // members by the names that they would have in a layout
}

func openFiles(path string) (*files, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if fi.IsDir() {
		return &files{path: path}, nil
	}
	archive, err := openArchive(path)
	if err != nil {
		return nil, err
	}
	members, err := scanArchive(archive)
	if err != nil {
		return nil, errors.Join(err, archive.Close())
	}
	return &files{path: path, archive: archive, members: members}, nil
}

// noIndex returns an error that explains what the path is, where it is not a layout.
func (f *files) noIndex() error {
	if f.has(dockerFile) {
		return errors.New(`it is an image in docker's own form without an index.json that names it: "skopeo copy docker-archive:FILE oci:DIR" converts it to an OCI layout`)
	}
	return fmt.Errorf("it has no %q: is it an OCI layout?", indexFile)
}

// reader opens a file of the layout.
func (f *files) reader(name string) (io.ReadCloser, int64, error) {
	if real, ok := f.alias[name]; ok {
		name = real
	}
	if f.opener != nil {
		return f.opener(name)
	}
	if f.members != nil {
		return f.member(name)
	}
	if !fs.ValidPath(name) { // docker's manifest.json may contain any path
		return nil, 0, fmt.Errorf("file %q: %w", name, fs.ErrNotExist)
	}
	path := filepath.Join(f.path, filepath.FromSlash(name))
	file, err := regular.Open(path)
	if err != nil {
		return nil, 0, err
	}
	fi, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, fi.Size(), nil
}

// small reads a file into memory and bounds its size.
func (f *files) small(name string, limit int64) ([]byte, error) {
	rc, size, err := f.reader(name)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	if size > limit {
		return nil, fmt.Errorf("%q has %d bytes, more than %d", name, size, limit)
	}
	return oci.ReadAll(rc, limit)
}

// Manifest implements [oci.Source].
func (f *files) Manifest(desc v1.Descriptor) ([]byte, error) {
	name, err := blobName(desc.Digest)
	if err != nil {
		return nil, err
	}
	raw, err := f.small(name, oci.MaxManifest)
	if err != nil {
		return nil, absentBlob(err)
	}
	if err := oci.Check(raw, desc); err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return raw, nil
}

// Blob implements [oci.Source].
func (f *files) Blob(desc v1.Descriptor) (io.ReadCloser, error) {
	name, err := blobName(desc.Digest)
	if err != nil {
		return nil, err
	}
	rc, _, err := f.reader(name)
	return rc, absentBlob(err)
}

// absentBlob makes a DamageError of the error where a blob that is named does not exist.
func absentBlob(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, regular.ErrKind) {
		return &oci.DamageError{Err: err}
	}
	return err
}

// blobName returns a blob's path in a layout. The digest comes from a foreign file, so only a SHA-256 becomes a path.
func blobName(h v1.Hash) (string, error) {
	if _, err := v1.NewHash(h.String()); err != nil || h.Algorithm != "sha256" {
		return "", fmt.Errorf("digest %q is not a SHA-256", h)
	}
	return blobsDir + "/" + h.Hex, nil
}

// open makes an index of the manifest that desc names.
func (f *files) open(desc v1.Descriptor) (v1.ImageIndex, error) {
	raw, err := f.Manifest(desc)
	if err != nil {
		return nil, err
	}
	if desc.MediaType == "" {
		desc.MediaType = oci.MediaType("", raw)
	}
	return oci.Open(f, desc, raw)
}
