package runtime

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/mismatch"
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/sbom"
)

// defaultPaths are the paths that are taken from an image if the spec names none.
func defaultPaths() []string { return []string{"usr/local"} }

// IngestImage ingests the paths of a runtime from an image.
func IngestImage(ctx context.Context, r spec.Runtime, s spec.Spec, p spec.Platform, pin lock.Runtime, src input.Access) (Ingested, error) {
	ref := s.ImagePath(r.At(p))
	plan := Ingested{Source: r.Written(p), URL: spec.FromImage + ref, Public: r.At(p), Digest: pin.Digest}
	img, digest, err := openImage(ctx, ref, pin.Digest, p, src)
	if err != nil {
		return plan, err
	}
	plan.Digest, plan.Pinned = digest, pin.Digest != "" || strings.Contains(ref, "@")
	recipe, err := imageRecipe(r, img, plan.Public, digest, s.Layers)
	if err != nil {
		return plan, err
	}
	parts, err := partsOf(ctx, recipe, img, src)
	if err != nil {
		return plan, err
	}
	if recipe.Exclude, err = withoutDocuments(recipe, parts, src.Store); err != nil {
		return plan, err
	}
	blob, err := makeImage(ctx, recipe, img, src)
	if err != nil {
		return plan, err
	}
	plan.Layer = lock.NewLayer(blob, "runtime "+runtimeName(plan.Public), []lock.Reason{{Code: lock.ReasonImage, Args: recipe.Paths}}, &lock.Recipe{Image: &recipe})
	return plan, nil
}

// openImage opens the image for a platform and returns the digest of its manifest. If that digest is known, it is want: the registry
// is then asked for the digest, whatever the tag names now.
func openImage(ctx context.Context, ref, want string, p spec.Platform, src input.Access) (v1.Image, string, error) {
	if src.Images == nil {
		return nil, "", errors.New("this caller cannot read images")
	}
	ask := ref
	if name, _, _ := strings.Cut(ref, "@"); want != "" && !strings.HasPrefix(ref, spec.OciLayout) {
		ask = name + "@" + want
	}
	img, err := src.Images.Image(ctx, ask, p.String())
	if err != nil {
		return nil, "", noSource(err, p)
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, "", err
	}
	if want != "" && digest.String() != want {
		return nil, "", &mismatch.Error{Name: ref, Want: want, Got: digest.String()}
	}
	return img, digest.String(), nil
}

// imageRecipe says what to take from the image.
func imageRecipe(r spec.Runtime, img v1.Image, name, digest string, l spec.Layers) (lock.ImageRecipe, error) {
	m, err := img.Manifest()
	if err != nil {
		return lock.ImageRecipe{}, err
	}
	name, _, _ = strings.Cut(name, "@")
	recipe := lock.ImageRecipe{Version: versions.Image, Image: strings.TrimPrefix(name, spec.FromImage) + "@" + digest, Paths: r.Paths, Exclude: r.Exclude, Owner: r.Owner,
		Compression: l.Compression, Level: l.Level}
	if len(recipe.Paths) == 0 {
		recipe.Paths = defaultPaths()
	}
	if to := strings.Trim(r.Prefix, "/"); to != "" {
		if len(recipe.Paths) > 1 {
			return recipe, fmt.Errorf("prefix %s: it can move only one path, but paths has %d", r.Prefix, len(recipe.Paths))
		}
		recipe.To = to
	}
	for _, d := range m.Layers {
		recipe.Layers = append(recipe.Layers, d.Digest.String())
		if l.Compression == "" && strings.HasSuffix(string(d.MediaType), "zstd") {
			recipe.Compression = "zstd" // like the image's own layers
		}
	}
	return recipe, nil
}

// makeImage makes the layer. The store keeps what each layer of the image has at the paths, so that each layer is fetched only once,
// even if it has nothing there. Then these parts are merged.
func makeImage(ctx context.Context, r lock.ImageRecipe, img v1.Image, src input.Access) (layers.Blob, error) {
	parts, err := partsOf(ctx, r, img, src)
	if err != nil {
		return layers.Blob{}, err
	}
	gone, err := overlay(parts, src.Store)
	if err != nil {
		return layers.Blob{}, err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return layers.Blob{}, err
	}
	whole := lock.RuntimeRecipe{Exclude: r.Exclude, Owner: r.Owner}
	if r.To != "" {
		whole = lock.RuntimeRecipe{} // move makes the edits, after the files have moved
	}
	excluded := glob.NewMatcher(whole.Exclude)
	blob, err := src.Store.Rewrite(ctx, "image "+string(text), layers.MakeOptions{Compression: r.Compression, Level: r.Level}, parts,
		func(i int, h *tar.Header) (bool, error) {
			return !gone[i][memberPath(h.Name)] && editMember(whole, excluded, h), nil
		})
	if err != nil {
		return blob, err
	}
	if empty, err := isEmpty(blob.Digest, src.Store); err != nil || empty {
		return blob, cmp.Or(err, fmt.Errorf("the image has nothing at /%s; name the paths to take from it in the field paths", strings.Join(r.Paths, " or /")))
	}
	if r.To == "" {
		return blob, nil
	}
	return move(ctx, r, blob, src.Store)
}

func isEmpty(digest string, store *layers.Store) (bool, error) {
	for _, err := range store.Entries(digest) {
		return false, err
	}
	return true, nil
}

// move moves the files to another prefix, and changes the paths in their contents accordingly.
func move(ctx context.Context, r lock.ImageRecipe, blob layers.Blob, store *layers.Store) (layers.Blob, error) {
	moved := lock.RuntimeRecipe{Version: versions.Prefix, Source: blob.Digest, From: r.Paths[0], To: r.To, Exclude: r.Exclude, Owner: r.Owner, Compression: r.Compression, Level: r.Level}
	var err error
	if moved.Moves, err = moves(moved, store); err != nil {
		return layers.Blob{}, err
	}
	return MakeRuntime(ctx, moved, layers.Source{Name: r.Image, Digest: blob.Digest, Open: func(context.Context) (io.ReadCloser, error) { return store.Open(blob.Digest) }}, store)
}

// withoutDocuments returns what the recipe excludes and, where the image has them, its bills of materials: they list that image, and not
// the one that takes a runtime from it. A recipe excludes paths where they are after the move.
func withoutDocuments(r lock.ImageRecipe, parts []string, store *layers.Store) ([]string, error) {
	var documents []string
	for _, digest := range parts {
		for e, err := range store.Entries(digest) {
			if err != nil {
				return nil, err
			}
			at := e.Path()
			if !sbom.OfImage(at) {
				continue
			}
			if r.To != "" {
				at = path.Join(r.To, strings.TrimPrefix(at, r.Paths[0]))
			}
			if !slices.Contains(documents, at) {
				documents = append(documents, at)
			}
		}
	}
	return slices.Concat(r.Exclude, documents), nil // the last pattern that fits decides
}

// partsOf stores what each layer of the image has at the paths.
func partsOf(ctx context.Context, r lock.ImageRecipe, img v1.Image, src input.Access) ([]string, error) {
	parts := make([]string, len(r.Layers))
	for i, digest := range r.Layers {
		blob, err := part(ctx, r, img, digest, src)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", digest, err)
		}
		parts[i] = blob.Digest
	}
	return parts, nil
}

// part stores what one layer of the image has at the paths. It stores whiteouts for these paths under other names.
func part(ctx context.Context, r lock.ImageRecipe, img v1.Image, digest string, src input.Access) (layers.Blob, error) {
	open := func(ctx context.Context) (io.ReadCloser, error) {
		if f, err := src.Store.Open(digest); err == nil {
			return f, nil // the store has the layer from another source, such as a package
		}
		l, err := img.LayerByDigest(lock.Hash(digest))
		if err != nil {
			return nil, err
		}
		size, err := l.Size()
		if err != nil {
			return nil, err
		}
		f, err := l.Compressed()
		if err != nil {
			return nil, err
		}
		return src.Reported(f, runtimeName(r.Image), size), nil
	}
	text, err := json.Marshal(r.Paths)
	if err != nil {
		return layers.Blob{}, err
	}
	// The part is compressed again for the image, so a fast compression is enough here.
	blob, _, err := src.Store.Convert(ctx, layers.Source{Name: r.Image, Digest: digest, Open: open}, "part of an image v1 "+string(text),
		layers.MakeOptions{Compression: "zstd", Level: 1}, func(h *tar.Header) (bool, error) {
			dir, base := path.Split(strings.TrimSuffix(h.Name, "/"))
			if hidden, ok := strings.CutPrefix(base, whiteout); ok {
				h.Name = dir + carried + hidden
				return concerned(r, path.Clean(dir+strings.TrimPrefix(hidden, opaque))), nil
			}
			return within(r, memberPath(h.Name)), nil
		})
	return blob, err
}

// The names of whiteouts (image-spec, layer.md), and the name that replaces them in a stored part, which must not have whiteouts.
const (
	whiteout = ".wh."
	opaque   = ".wh..opq" // after whiteout: hides everything that lower layers have in the folder
	carried  = ".pyimg-gone."
)

func memberPath(name string) string { return strings.Trim(name, "/") }

// within reports whether a path is one of the paths or below one.
func within(r lock.ImageRecipe, p string) bool {
	return slices.ContainsFunc(r.Paths, func(at string) bool { return p == at || strings.HasPrefix(p, at+"/") })
}

// concerned reports whether deleting a path deletes something at the paths.
func concerned(r lock.ImageRecipe, p string) bool {
	return within(r, p) || slices.ContainsFunc(r.Paths, func(at string) bool { return strings.HasPrefix(at, p+"/") })
}

// overlay returns for each part, lowest first, the paths that the parts above it hide, and its whiteouts.
func overlay(parts []string, store *layers.Store) ([]map[string]bool, error) {
	gone := make([]map[string]bool, len(parts))
	hides := make(map[string]hiding)
	for i := len(parts) - 1; i >= 0; i-- {
		gone[i] = make(map[string]bool)
		above := make(map[string]hiding)
		below := make(map[string]bool)
		for e, err := range store.Entries(parts[i]) {
			if err != nil {
				return nil, err
			}
			p := e.Path()
			dir, base := path.Split(p)
			hidden, isWhiteout := strings.CutPrefix(base, carried)
			switch {
			case isWhiteout && hidden == opaque:
				above[path.Clean(dir)] |= hidesBelow
			case isWhiteout:
				above[dir+hidden] |= hidesAll | hidesBelow
			case e.Header.Typeflag == tar.TypeDir:
				above[p] |= hidesFiles
			default:
				above[p] |= hidesAll | hidesBelow
			}
			gone[i][p] = isWhiteout || isHidden(p, e.Header.Typeflag == tar.TypeDir, hides, below)
		}
		for p, h := range above {
			hides[p] |= h
		}
	}
	return gone, nil
}

// A hiding says what an upper layer hides of a path in the lower ones.
type hiding uint8

const (
	hidesAll   hiding = 1 << iota // the path, of any type
	hidesFiles                    // the path, unless it is a folder
	hidesBelow                    // everything below the path
)

// isHidden reports whether a path is hidden. below is a memo of the folders above it.
func isHidden(p string, dir bool, hides map[string]hiding, below map[string]bool) bool {
	h := hides[p]
	return h&hidesAll != 0 || !dir && h&hidesFiles != 0 || hidesIn(path.Dir(p), hides, below)
}

func hidesIn(dir string, hides map[string]hiding, known map[string]bool) bool {
	if dir == "." {
		return false
	}
	hidden, asked := known[dir]
	if !asked {
		hidden = hides[dir]&hidesBelow != 0 || hidesIn(path.Dir(dir), hides, known)
		known[dir] = hidden
	}
	return hidden
}
