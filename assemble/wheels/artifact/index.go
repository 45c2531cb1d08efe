package artifact

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/version"
)

// An Index lists the wheels of an index in a registry. It is read once, when it is first asked; ctx of that call bounds it.
// It implements index.Index.
type Index struct {
	ref  registryurl.Reference
	from Opener

	mu   sync.Mutex
	read *listed // once it was read without an error
}

var _ index.Index = (*Index)(nil)

// listed is what an index lists.
type listed struct {
	Contents
	files map[string][]index.File // by project
}

// NewIndex is the index that a reference names.
func NewIndex(ref registryurl.Reference, from Opener) *Index { return &Index{ref: ref, from: from} }

// Reference is what the index is called.
func (x *Index) Reference() registryurl.Reference { return x.ref }

// Digest is that of the index; "" where nobody has asked it for anything.
func (x *Index) Digest() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.read == nil {
		return ""
	}
	return x.read.Digest
}

// Names are the file names of all wheels, sorted; nil where nobody has asked the index for anything.
func (x *Index) Names() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.read == nil {
		return nil
	}
	var names []string
	for _, files := range x.read.files {
		for _, f := range files {
			names = append(names, f.Filename.Text)
		}
	}
	slices.Sort(names)
	return names
}

// Project lists the wheels of a project.
func (x *Index) Project(ctx context.Context, name string) (files []index.File, found bool, err error) {
	l, err := x.list(ctx)
	if err != nil {
		return nil, false, err
	}
	files = l.files[dependency.Normalize(name)]
	return files, len(files) > 0, nil
}

// List lists the wheels of a project. An index in a registry has no sdists.
func (x *Index) List(ctx context.Context, name string) (l index.Listing, found bool, err error) {
	l.Wheels, found, err = x.Project(ctx, name)
	return l, found, err
}

// Metadata fetches the METADATA of a wheel, without the wheel.
func (x *Index) Metadata(ctx context.Context, f index.File) (distinfo.Metadata, error) {
	b := bytesOf{x.from, x.ref.Repository}
	at := registryurl.Location{Repository: x.ref.Repository, Blob: "sha256:" + f.MetadataHashes["sha256"], Name: f.Filename.Text + ".metadata"}
	raw, err := b.get(ctx, at, distinfo.MaxFile)
	if err == nil && digestOf(raw) != at.Blob {
		err = damagef("its SHA-256 is %s", digestOf(raw))
	}
	if err != nil {
		return distinfo.Metadata{}, fmt.Errorf("reading the metadata of %s: %w", f.Filename.Text, err)
	}
	return distinfo.ParseMetadata(raw)
}

func (x *Index) list(ctx context.Context) (*listed, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.read != nil {
		return x.read, nil
	}
	c, err := Read(ctx, x.ref, x.from)
	if err != nil {
		return nil, err
	}
	files, err := ParseList(c.Manifest, x.ref.Repository)
	if err != nil {
		return nil, fmt.Errorf("reading the index of wheels %s: %w", x.ref, err)
	}
	x.read = &listed{c, files}
	return x.read, nil
}

// listVersion is that of manifest.json.
const listVersion = 1

// A listedWheel is what a reader needs of a wheel's record in manifest.json.
type listedWheel struct {
	File           string  `json:"file"`
	SHA256         string  `json:"sha256"`
	Size           int64   `json:"size"`
	Metadata       string  `json:"metadata"`
	RequiresPython string  `json:"requires_python"`
	Yanked         *string `json:"yanked"`
}

// ParseList reads manifest.json: the wheels by project. Their URLs are those of blobs in a repository.
func ParseList(text []byte, repository string) (map[string][]index.File, error) {
	var list struct {
		Version int           `json:"version"`
		Wheels  []listedWheel `json:"wheels"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, damagef("reading its manifest.json: %w", err)
	}
	if list.Version != listVersion {
		return nil, damagef("its manifest.json has the version %d, expected %d", list.Version, listVersion)
	}
	files, seen := make(map[string][]index.File), make(map[string]bool)
	for _, w := range list.Wheels {
		f, err := w.file(repository)
		if err == nil && seen[w.File] {
			err = fmt.Errorf("it lists %.200q twice", w.File)
		}
		if err != nil {
			return nil, damagef("reading its manifest.json: %w", err)
		}
		seen[w.File] = true
		files[f.Filename.Name] = append(files[f.Filename.Name], f)
	}
	return files, nil
}

func (w listedWheel) file(repository string) (index.File, error) {
	name, err := tag.ParseFilename(w.File)
	if err != nil {
		return index.File{}, err
	}
	if !isHex(w.SHA256) || !isHex(w.Metadata) || w.Size <= 0 {
		return index.File{}, fmt.Errorf("the wheel %.200q has no SHA-256 or no size", w.File)
	}
	f := index.File{Yanked: w.Yanked != nil, Metadata: true, MetadataHashes: source.Hashes{"sha256": w.Metadata}}
	f.File = source.File{Filename: name, Size: w.Size, Hashes: source.Hashes{"sha256": w.SHA256}, URL: BlobURL(repository, w.SHA256, w.File)}
	if requires, err := version.ParseSpecifiers(w.RequiresPython); err == nil { // as with pip, what cannot be read excludes nothing
		f.RequiresPython = requires
	}
	return f, nil
}

// BlobURL is where a wheel is.
func BlobURL(repository, sha256, file string) string {
	return registryurl.Location{Repository: repository, Blob: "sha256:" + sha256, Name: file}.String()
}
