package runtime

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/loader"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/local"
)

// defaultPrefix is the prefix of a tarball that is not rooted, if the spec does not set one.
const defaultPrefix = "/usr/local"

// Ingest ingests the runtimes of one platform. With a lock it uses the locked ones. If one fails, it returns those before it, too.
func Ingest(ctx context.Context, spec spec.Spec, p spec.Platform, src input.Access, locked []lock.Runtime, known *Releases) (rs []Ingested, err error) {
	for i, r := range spec.Tarballs(p) {
		var pin lock.Runtime
		if i < len(locked) {
			pin = locked[i]
		}
		plan, err := layers.Healing(func() (Ingested, error) { return ingestRuntime(ctx, spec, r, p, pin, src, known) })
		if err != nil {
			return rs, fmt.Errorf("runtime %s: %w", cmp.Or(plan.Public, r.At(p)), err)
		}
		rs = append(rs, plan)
	}
	return rs, checkRequired(spec, p, rs)
}

// reportKey is the question what a runtime's layer holds.
type reportKey struct{ digest string }

// ingestRuntime ingests one runtime and reads what it is. pin is the lock's entry for it.
func ingestRuntime(ctx context.Context, s spec.Spec, r spec.Runtime, p spec.Platform, pin lock.Runtime, src input.Access, known *Releases) (plan Ingested, err error) {
	if strings.HasPrefix(r.At(p), spec.FromImage) {
		plan, err = IngestImage(ctx, r, s, p, pin, src)
	} else {
		plan, err = ingestTarball(ctx, r, s, p, pin, src, known)
	}
	if err != nil {
		return plan, err
	}
	plan.Report, err = memo.Known(ctx, src.Memo, reportKey{plan.Layer.Digest}, func(context.Context) (python.Report, error) {
		return python.Read(src.Store.Entries(plan.Layer.Digest))
	})
	if strings.HasPrefix(r.At(p), spec.FromStandalone) {
		plan.Env = standaloneEnv(plan.Report.Prefix)
	}
	return plan, err
}

func ingestTarball(ctx context.Context, r spec.Runtime, spec spec.Spec, p spec.Platform, pin lock.Runtime, src input.Access, known *Releases) (Ingested, error) {
	from, err := locate(ctx, r, spec, p, pin, src, known)
	plan := Ingested{Source: r.Written(p), URL: from.URL, Public: from.Public, Pinned: from.pinned}
	if err != nil {
		return plan, err
	}
	tarball := from.Source(src)
	if tarball.Digest == "" {
		if tarball.Digest, err = digestNow(ctx, from, tarball, src); err != nil {
			return plan, noSource(err, p)
		}
	}
	raw, err := src.Store.IngestFacts(ctx, tarball)
	if err != nil {
		return plan, noSource(err, p)
	}
	plan.Digest = raw.Digest
	plan.Layer, err = layer(ctx, r, tarball, raw, spec.Layers, src)
	plan.Layer.From = "runtime " + runtimeName(from.URL)
	return plan, err
}

// digest returns the digest of the source before it is read: the one that the spec pins, or the digest of a local file, so that the
// store may already have it. It returns "" if only reading the source can give it.
func digest(ctx context.Context, r spec.Runtime, url string, p spec.Platform, src input.Access) (string, error) {
	if pinned, err := r.PinnedSum(p); pinned != "" || err != nil || spec.IsURL(url) {
		return pinned, err
	}
	return local.Digest(src.Store, url, func() (string, error) { return digestFile(ctx, url, src.Fetch) })
}

func digestFile(ctx context.Context, url string, from input.Opener) (string, error) {
	f, err := from.Open(ctx, url)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", url, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// make makes the layer. The store need not have the tarball; it keeps only the layer.
func MakeRuntime(ctx context.Context, r lock.RuntimeRecipe, tarball layers.Source, store *layers.Store) (layers.Blob, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return layers.Blob{}, err
	}
	contents, err := contents(ctx, r, tarball, store)
	if err != nil {
		return layers.Blob{}, err
	}
	excluded := glob.NewMatcher(r.Exclude)
	return store.RewriteSource(ctx, tarball, "runtime "+string(text), layers.MakeOptions{Compression: r.Compression, Level: r.Level},
		func(h *tar.Header) (bool, error) { return editMember(r, excluded, h), nil }, contents)
}

// layer returns the tarball itself if it can be a layer as it is, or else a transcoded one. Of a transcoded tarball the store keeps only
// the facts.
func layer(ctx context.Context, r spec.Runtime, tarball layers.Source, raw layers.Blob, l spec.Layers, src input.Access) (lock.Layer, error) {
	change, err := changeOf(ctx, r, raw, l, src)
	if err != nil {
		return lock.Layer{}, err
	}
	if len(change.reasons) == 0 {
		raw, err = src.Store.Ingest(ctx, tarball)
		return lock.NewLayer(raw, "", nil, nil), err
	}
	blob, err := MakeRuntime(ctx, change.recipe, tarball, src.Store)
	return lock.NewLayer(blob, "", slices.Clone(change.reasons), &lock.Recipe{Runtime: &change.recipe}), err
}

// A change is what a tarball needs to be a layer. Without reasons it needs none.
type change struct {
	recipe  lock.RuntimeRecipe
	reasons []lock.Reason
}

// changeKey is the question for a change: all that it depends on, and with the tarball's digest all of its entries.
type changeKey struct{ recipe, prefix string }

func changeOf(ctx context.Context, r spec.Runtime, raw layers.Blob, l spec.Layers, src input.Access) (change, error) {
	c := change{recipe: lock.RuntimeRecipe{Version: versions.Runtime, Source: raw.Digest, Exclude: r.Exclude, Owner: r.Owner, Compression: l.Compression, Level: l.Level}}
	text, err := json.Marshal(c.recipe)
	if err != nil {
		return c, err
	}
	return memo.Known(ctx, src.Memo, changeKey{string(text), r.Prefix}, func(context.Context) (change, error) {
		shape, err := shapeOf(raw.Digest, bundling{placed: r.Prefix != ""}, src.Store)
		if err != nil {
			return c, err
		}
		if c.recipe.From, c.recipe.To, err = mapping(r, shape); err != nil {
			return c, err
		}
		if c.recipe.Moves, err = moves(c.recipe, src.Store); err != nil {
			return c, err
		}
		c.reasons, err = reasons(raw, c.recipe, src.Store)
		return c, err
	})
}

// reasons says why the tarball cannot be the layer as it is.
func reasons(raw layers.Blob, recipe lock.RuntimeRecipe, store *layers.Store) ([]lock.Reason, error) {
	var reasons []lock.Reason
	if recipe.From != recipe.To {
		reasons = append(reasons, lock.NewReason(lock.ReasonPrefix, recipe.From, recipe.To))
	}
	if recipe.Compression != "" && lock.CompressionOf(raw) != recipe.Compression {
		reasons = append(reasons, lock.NewReason(lock.ReasonCompression, recipe.Compression))
	}
	faults, err := store.Faults(raw.Digest)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		f := faults[0]
		reasons = append(reasons, lock.NewReason(lock.ReasonFault, f.Code, f.Path, f.Detail))
	}
	matcher, excluded, owned := glob.NewMatcher(recipe.Exclude), 0, 0
	for e, err := range store.Entries(raw.Digest) {
		if err != nil {
			return nil, err
		}
		h := *e.Header
		if !editMember(recipe, matcher, &h) {
			excluded++
		} else if h.Uid != e.Header.Uid || h.Gid != e.Header.Gid {
			owned++
		}
	}
	if excluded > 0 && len(recipe.Exclude) > 0 {
		reasons = append(reasons, lock.NewReason(lock.ReasonExcluded, excluded))
	}
	if owned > 0 {
		reasons = append(reasons, lock.NewReason(lock.ReasonOwner, recipe.Owner.UID, recipe.Owner.GID))
	}
	return reasons, nil
}

// editMember maps one member into the image; false drops it. excluded matches the recipe's globs.
func editMember(r lock.RuntimeRecipe, excluded *glob.Matcher, h *tar.Header) bool {
	name, ok := remap(h.Name, r.From, r.To)
	if !ok || excluded.Has(name) {
		return false
	}
	if to, ok := remap(h.Linkname, r.From, r.To); ok && h.Typeflag == tar.TypeSymlink && path.IsAbs(h.Linkname) {
		h.Linkname = "/" + to // the link led into the tarball's own prefix
	}
	if h.Typeflag == tar.TypeLink {
		if h.Linkname, ok = remap(h.Linkname, r.From, r.To); !ok {
			return false
		}
	}
	if h.Typeflag == tar.TypeDir {
		name += "/"
	}
	h.Name = name
	if r.Owner != nil {
		h.Uid, h.Gid, h.Uname, h.Gname = r.Owner.UID, r.Owner.GID, "", ""
	}
	return true
}

// remap moves a path from one prefix to another. It returns false for a path outside of the prefix, which can only be a folder above
// it.
func remap(name, from, to string) (string, bool) {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if from == to {
		return name, name != ""
	}
	rest, ok := strings.CutPrefix(name+"/", prefixed(from))
	if !ok {
		return "", false
	}
	name = path.Join(to, rest)
	return name, name != "" && name != "."
}

func prefixed(dir string) string {
	if dir == "" {
		return ""
	}
	return dir + "/"
}

// shape is the layout of a tarball's paths.
type shape struct {
	prefix string // the tarball's own prefix, without slashes at its ends
	rooted bool   // the paths start at the image's root
}

// A bundling is what the caller knows of a runtime's files: whether their prefix is set, and whether they come from a folder.
type bundling struct {
	placed bool // the spec sets their prefix in the image
	folder bool // they are from a folder on this machine, which the user named
}

// shapeOf finds out a tarball's own prefix: usr/local (or usr) of a rooted tarball, the one folder that has everything (python/ in
// python-build-standalone), or none (bin/ and lib/ at the top). If the prefix in the image is set, a tarball of any other shape has
// no prefix, and everything goes to the one that is set. Then the one folder counts as the tarball's prefix only if it has bin/ or
// lib/, and never if the files are from a folder that the user named.
func shapeOf(digest string, how bundling, store *layers.Store) (shape, error) {
	tops := make(map[string]bool)
	inner := make(map[string]bool) // names in the folders at the top
	underLocal, underUsr := true, true
	for e, err := range store.Entries(digest) {
		if err != nil {
			return shape{}, err
		}
		p := e.Path()
		if p == "" {
			continue
		}
		top, rest, _ := strings.Cut(p, "/")
		second, _, _ := strings.Cut(rest, "/")
		tops[top], inner[second] = true, true
		if e.Header.Typeflag != tar.TypeDir {
			underLocal = underLocal && strings.HasPrefix(p, "usr/local/")
			underUsr = underUsr && strings.HasPrefix(p, "usr/")
		}
	}
	switch {
	case len(tops) == 0:
		return shape{}, errors.New("the tarball is empty")
	case underLocal:
		return shape{"usr/local", true}, nil
	case underUsr:
		return shape{"usr", true}, nil
	case tops["usr"]:
		return shape{"", true}, nil
	case tops["bin"] || tops["lib"]:
		return shape{"", false}, nil
	case (tops["etc"] || tops["opt"]) && !(how.placed && how.folder):
		return shape{"", true}, nil
	case len(tops) == 1 && !how.placed && (len(inner) > 1 || !inner[""]), len(tops) == 1 && !how.folder && (inner["bin"] || inner["lib"]):
		for top := range tops {
			return shape{top, false}, nil
		}
	case how.placed:
		return shape{"", false}, nil
	}
	names := slices.Sorted(maps.Keys(tops))
	return shape{}, fmt.Errorf("cannot tell the tarball's prefix: at its top it has %s; expected usr/, or bin/ and lib/, or one folder with these; set prefix",
		strings.Join(names[:min(len(names), 10)], ", "))
}

// mapping returns the tarball's own prefix and the one in the image.
func mapping(r spec.Runtime, s shape) (from, to string, err error) {
	to = strings.Trim(r.Prefix, "/")
	switch {
	case r.Prefix == "" && s.rooted:
		return s.prefix, s.prefix, nil
	case r.Prefix == "":
		return s.prefix, strings.Trim(defaultPrefix, "/"), nil
	case s.rooted && s.prefix == "" && to != "":
		return "", "", fmt.Errorf("the tarball is rooted and has more than one prefix, so it cannot be moved to %s", r.Prefix)
	}
	return s.prefix, to, nil
}

// A Part has files of an image that are not from a package: those of a runtime or of a wheel.
type Part struct {
	Name  string // for errors: "wheel flask-3.0-py3-none-any.whl"
	Layer string // digest by which the store has its facts
}

// Needs are the libraries that files of the parts need and that no part contains, as dependencies.
type Needs struct {
	All      []string        // sorted, such as so:libz.so.1
	Optional map[string]bool // those that only optional modules of Python need, see [python.IsOptional]
}

// LibrariesNeeded finds out which libraries the parts of an image need. A file for another machine or another C library is an error,
// because no package can make it work.
func LibrariesNeeded(parts []Part, p spec.Platform, store *layers.Store) (Needs, error) {
	held := make(map[string]bool) // paths
	var programs []layers.Entry
	for _, part := range parts {
		for e, err := range store.Entries(part.Layer) {
			if err != nil {
				return Needs{}, err
			}
			if e.Header.Typeflag != tar.TypeDir {
				held[e.Path()] = true
			}
			if e.ELF == nil || e.ELF.Err != "" && e.ELF.Machine == elf.EM_NONE { // it only begins like an ELF file
				continue
			}
			if err := checkMachine(e, p); err != nil {
				return Needs{}, fmt.Errorf("%s: %w", part.Name, err)
			}
			programs = append(programs, e)
		}
	}
	optional := make(map[string]bool)
	for _, e := range programs {
		dirs := loader.MuslPath(e.ELF, e.Path())
		for _, n := range e.ELF.Needed {
			if slices.ContainsFunc(dirs, func(dir string) bool { return held[rootpath.Clean(path.Join(dir, n))] }) {
				continue
			}
			if n == "libc.so" { // the name in a plain musl toolchain; musl's loader itself contains it
				n = "libc.musl-" + p.Alpine() + ".so.1"
			}
			others, known := optional["so:"+n]
			optional["so:"+n] = python.IsOptional(e.Path()) && (others || !known)
		}
	}
	return Needs{All: slices.Sorted(maps.Keys(optional)), Optional: optional}, nil
}

// checkMachine refuses an executable or library that this platform cannot run.
func checkMachine(e layers.Entry, p spec.Platform) error {
	machine, bits := p.Machine()
	switch {
	case e.ELF.Machine != machine || e.ELF.Class != bits:
		return check.Unsound("elf-machine", "/"+e.Path(), "use a build for "+p.String(), "/%s is for %s, but %s needs %s", e.Path(), e.ELF.Machine, p, machine)
	case e.ELF.GLIBC():
		return check.Unsound("elf-glibc", "/"+e.Path(), "use a build for musl", "/%s is built for glibc (it needs libc.so.6); Alpine has musl", e.Path())
	}
	return nil
}
