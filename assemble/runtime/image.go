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
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
)

// defaultPaths are what is taken of an image that holds a whole root.
func defaultPaths() []string { return []string{"usr/local"} }

// IngestImage takes the paths of a runtime out of an image.
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
	blob, err := makeImage(ctx, recipe, img, src)
	if err != nil {
		return plan, err
	}
	plan.Layer = lock.NewLayer(blob, "runtime "+runtimeName(plan.Public), []lock.Reason{{Code: lock.ReasonImage, Args: recipe.Paths}}, &lock.Recipe{Image: &recipe})
	return plan, nil
}

// openImage opens the image for a platform, and says the digest of its manifest. want is that digest where it is known: a
// registry is asked for it then, whatever the tag names by now.
func openImage(ctx context.Context, ref, want string, p spec.Platform, src input.Access) (v1.Image, string, error) {
	if src.Images == nil {
		return nil, "", errors.New("images cannot be read here")
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
		return nil, "", &layers.DigestError{Name: ref, Want: want, Got: digest.String()}
	}
	return img, digest.String(), nil
}

// imageRecipe says what is to be taken of the image.
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
			return recipe, fmt.Errorf("prefix %s: %d paths are taken of the image, and only one can be moved", r.Prefix, len(recipe.Paths))
		}
		recipe.To = to
	}
	for _, d := range m.Layers {
		recipe.Layers = append(recipe.Layers, d.Digest.String())
		if l.Compression == "" && strings.HasSuffix(string(d.MediaType), "zstd") {
			recipe.Compression = "zstd" // as its own are
		}
	}
	return recipe, nil
}

// makeImage makes the layer. Of each layer of the image what lies at the paths is kept in the store, so that a layer is
// fetched once, and one of which nothing is wanted never again. Then they are laid over each other.
func makeImage(ctx context.Context, r lock.ImageRecipe, img v1.Image, src input.Access) (layers.Blob, error) {
	parts := make([]string, len(r.Layers))
	for i, digest := range r.Layers {
		blob, err := part(ctx, r, img, digest, src)
		if err != nil {
			return layers.Blob{}, fmt.Errorf("layer %s: %w", digest, err)
		}
		parts[i] = blob.Digest
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
		whole = lock.RuntimeRecipe{} // what moves is edited as it lies then
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
		return blob, cmp.Or(err, fmt.Errorf("the image has nothing at /%s; say what to take of it with paths", strings.Join(r.Paths, " or /")))
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

// move puts what was taken elsewhere, and what it says of its place with it.
func move(ctx context.Context, r lock.ImageRecipe, blob layers.Blob, store *layers.Store) (layers.Blob, error) {
	moved := lock.RuntimeRecipe{Version: versions.Prefix, Source: blob.Digest, From: r.Paths[0], To: r.To, Exclude: r.Exclude, Owner: r.Owner, Compression: r.Compression, Level: r.Level}
	var err error
	if moved.Moves, err = moves(moved, store); err != nil {
		return layers.Blob{}, err
	}
	return MakeRuntime(ctx, moved, layers.Source{Name: r.Image, Digest: blob.Digest, Open: func(context.Context) (io.ReadCloser, error) { return store.Open(blob.Digest) }}, store)
}

// part keeps what one layer of the image has at the paths, and the whiteouts that concern them, under other names.
func part(ctx context.Context, r lock.ImageRecipe, img v1.Image, digest string, src input.Access) (layers.Blob, error) {
	open := func(ctx context.Context) (io.ReadCloser, error) {
		if f, err := src.Store.Open(digest); err == nil {
			return f, nil // it is also a package's, say
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
	// What is kept is written anew for the image, so it is only packed quickly.
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

// The names of whiteouts (image-spec, layer.md), and the one that stands for them where no layer may hold them.
const (
	whiteout = ".wh."
	opaque   = ".wh..opq" // behind whiteout: all that the folder had before
	carried  = ".pyimg-gone."
)

func memberPath(name string) string { return strings.Trim(name, "/") }

// within tells what lies at one of the paths or below it.
func within(r lock.ImageRecipe, p string) bool {
	return slices.ContainsFunc(r.Paths, func(at string) bool { return p == at || strings.HasPrefix(p, at+"/") })
}

// concerned tells what, if it goes, takes something of the paths along.
func concerned(r lock.ImageRecipe, p string) bool {
	return within(r, p) || slices.ContainsFunc(r.Paths, func(at string) bool { return strings.HasPrefix(at, p+"/") })
}

// overlay tells for each part, lowest first, which of its paths the parts above it hide; their whiteouts are among these.
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

// A hiding is what an upper layer hides of a path in the lower ones.
type hiding uint8

const (
	hidesAll   hiding = 1 << iota // whatever it is
	hidesFiles                    // all but a folder
	hidesBelow                    // what lies below it
)

// isHidden reports whether a path is hidden. below keeps what is known of the folders above it.
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
