package assemble

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
)

// packaging is what the platforms of a run share to get their wheels; nil where the spec asks for none.
type packaging struct {
	spec    spec.Spec
	src     input.Access
	bringer *wheels.Bringer
	indexes *wheels.Indexes // nil by a lock, which needs none
}

func newPackaging(ctx context.Context, s spec.Spec, src input.Access, locked *lock.Lock) (*packaging, error) {
	if !s.Python.Asked() {
		return nil, nil
	}
	p := &packaging{spec: s, src: src, bringer: wheels.NewBringer(src)}
	if locked != nil {
		p.bringer = wheels.NewLockedBringer(src, wheels.NewLocator(*locked, s, src))
		return p, nil
	}
	var err error
	p.indexes, err = wheels.OpenIndexes(ctx, s, src, nil)
	return p, err
}

// selectWheels finds out which wheels a platform takes, with those that are held as a lock has them.
func (p *packaging) selectWheels(ctx context.Context, plan *PlatformPlan, offered indexes, held hold) error {
	var site wheels.Site
	err := offered.use(ctx, func(all []*apk.Index) (err error) {
		site, err = p.site(*plan, p.alpinePython(*plan, all, held), muslOf(all))
		return err
	})
	if err != nil {
		return err
	}
	selection, err := wheels.Select(ctx, p.spec, plan.Platform, site.Target, wheels.Sources{Indexes: p.indexes.Chain, Texts: p.src.Texts})
	if err != nil {
		return err
	}
	plan.Notes = append(plan.Notes, selection.Warnings...)
	files := held.wheelFiles(selection.Files)
	if err := p.bring(ctx, plan, site, files); err != nil {
		return err
	}
	for _, w := range plan.Wheels {
		plan.Notes = append(plan.Notes, w.Warnings...)
	}
	return p.checkDependencies(plan, site, selection.Extras)
}

// lockedWheels are the wheels that a lock has.
func (p *packaging) lockedWheels(ctx context.Context, plan *PlatformPlan, locked lock.Platform) error {
	musl := ""
	for _, q := range plan.Packages {
		if q.Name == "musl" {
			musl = q.Version
		}
	}
	site, err := p.site(*plan, plan.Packages, musl)
	if err != nil {
		return err
	}
	var files []source.File
	for _, w := range locked.Wheels {
		f, err := lockedWheel(w, p.spec)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	return p.bring(ctx, plan, site, files)
}

// lockedWheel is the wheel of a lock. The error is a *lock.Error.
func lockedWheel(w lock.Wheel, s spec.Spec) (source.File, error) {
	name, err := tag.ParseFilename(w.File)
	if err != nil {
		return source.File{}, &lock.Error{Err: err}
	}
	sum, err := source.ParseHash("sha256", w.SHA256)
	if err != nil {
		return source.File{}, &lock.Error{Err: fmt.Errorf("wheel %q: %w", w.File, err)}
	}
	f := source.File{Filename: name, URL: w.URL, Size: w.Size, Hashes: source.Hashes{"sha256": sum.Digest}}
	if w.Path != "" {
		f.Path = s.Path(filepath.FromSlash(w.Path))
	}
	return f, nil
}

// oldestMusl is assumed of a base that does not say which musl it has: all of Alpine's branches have had a later one since 2021.
const oldestMusl = "1.2.2"

// site is the image's Python, that of its runtimes, of its base or, among packages, Alpine's own.
func (p *packaging) site(plan PlatformPlan, packages []*apk.Package, musl string) (wheels.Site, error) {
	if plan.Base != nil {
		musl = cmp.Or(plan.Base.Musl(), musl, oldestMusl)
	}
	if musl == "" {
		return wheels.Site{}, errors.New("wheels need musl, and no repository has the package")
	}
	musl, _, _ = strings.Cut(musl, "-r")
	for _, r := range plan.Runtimes {
		if r.Report.Python == nil {
			continue
		}
		has, err := filePaths(p.src.Store, r.Layer.Digest)
		if err != nil {
			return wheels.Site{}, err
		}
		return wheels.NewSite(plan.Platform, r.Report, musl, p.spec.Python.Target, func(at string) bool { return has[at] })
	}
	if plan.Base != nil && plan.Base.Python != nil && (len(packages) == 0 || plan.Base.Python.Prefix == alpinePrefix || !asksForPython(p.spec, plan.Platform)) {
		return wheels.NewSite(plan.Platform, *plan.Base.Python, musl, p.spec.Python.Target, plan.Base.Has)
	}
	for _, q := range packages {
		if q.Name == python3 {
			own := python.Report{Prefix: alpinePrefix, Python: &python.Build{Version: alpineVersion(q)}}
			return wheels.NewSite(plan.Platform, own, musl, p.spec.Python.Target, func(string) bool { return true })
		}
	}
	return wheels.Site{}, &spec.Error{Faults: []spec.Fault{{File: p.spec.Name, Field: "python",
		Msg: "wheels need a Python, and no runtime has one; name one under runtime, or Alpine's own (apk)"}}}
}

// filePaths are those of all files of a layer.
func filePaths(store *layers.Store, digest string) (map[string]bool, error) {
	has := make(map[string]bool)
	for e, err := range store.Entries(digest) {
		if err != nil {
			return nil, err
		}
		if e.Header.Typeflag != tar.TypeDir {
			has[e.Path()] = true
		}
	}
	return has, nil
}

// bring brings the wheels of a platform, takes out of the runtimes what they replace, and sees to it that they can be installed
// together.
func (p *packaging) bring(ctx context.Context, plan *PlatformPlan, site wheels.Site, files []source.File) error {
	how := wheels.How{Site: site, Making: making(p.spec.Layers)}
	ws, err := p.bringer.Bring(ctx, files, how)
	if err != nil {
		return err
	}
	if err := p.replace(ctx, plan, site, ws); err != nil {
		return err
	}
	owned := make(map[string]bool)
	for _, r := range plan.Runtimes {
		has, err := filePaths(p.src.Store, r.Layer.Digest)
		if err != nil {
			return err
		}
		for at := range has {
			owned[at] = true
		}
	}
	if plan.Base != nil {
		if err := plan.replaceInBase(ws, site, owned); err != nil {
			return err
		}
	}
	how.Drop, err = wheels.Merge(ws, func(at string) bool { return owned[at] })
	if err != nil {
		return err
	}
	if len(how.Drop) > 0 {
		ws, err = p.bringer.Bring(ctx, files, how)
	}
	plan.Wheels, plan.site = ws, site
	return err
}

// replaceInBase notes which files of the base wheels replace, and adds its other files to those that are owned.
func (p *PlatformPlan) replaceInBase(ws []wheels.Wheel, site wheels.Site, owned map[string]bool) error {
	entries := p.Base.Root().Entries()
	var err error
	if p.replaced, err = wheels.Replaced(ws, site, entries); err != nil {
		return err
	}
	for e, err := range entries {
		if err != nil {
			return err
		}
		if e.Header.Typeflag != tar.TypeDir {
			owned[e.Path()] = true
		}
	}
	for _, at := range p.replaced {
		delete(owned, at)
	}
	return nil
}

// replace takes distributions out of the runtimes that wheels bring, too.
func (p *packaging) replace(ctx context.Context, plan *PlatformPlan, site wheels.Site, ws []wheels.Wheel) error {
	var pins []lock.Runtime
	changed := p.spec
	changed.Runtimes = slices.Clone(p.spec.Runtimes)
	n, any := 0, false
	for i, r := range changed.Runtimes {
		if r.At(plan.Platform) == spec.FromAPK {
			continue
		}
		ingested := plan.Runtimes[n]
		n++
		pins = append(pins, lock.Runtime{URL: ingested.Public, Digest: ingested.Digest})
		gone, err := wheels.Replaced(ws, site, p.src.Store.Entries(ingested.Layer.Digest))
		if err != nil {
			return err
		}
		excluded := slices.Clone(r.Exclude)
		for _, at := range gone {
			any = true
			excluded = append(excluded, glob.Quote(at))
		}
		changed.Runtimes[i].Exclude = excluded
	}
	if !any {
		return nil
	}
	replaced, err := runtime.Ingest(ctx, changed, plan.Platform, p.src, pins, nil)
	if err != nil {
		return err
	}
	for i := range replaced {
		replaced[i].Pinned, replaced[i].Report = plan.Runtimes[i].Pinned, plan.Runtimes[i].Report
	}
	plan.Runtimes = replaced
	return nil
}

// checkDependencies holds the wheels' METADATA against each other. A lock is trusted: it may leave things out on purpose, and
// verifying warns of it.
func (p *packaging) checkDependencies(plan *PlatformPlan, site wheels.Site, extras map[string][]string) error {
	if p.spec.Python.NoDeps || len(p.spec.Python.Requirements) == 0 {
		return nil
	}
	var others []distinfo.Metadata
	for _, r := range plan.Runtimes {
		found, err := wheels.Installed(p.src.Store.Entries(r.Layer.Digest))
		if err != nil {
			return err
		}
		others = append(others, found...)
	}
	if plan.Base != nil {
		found, err := wheels.Installed(plan.Base.Root().Entries())
		if err != nil {
			return err
		}
		others = append(others, found...)
	}
	unmet, err := wheels.Unmet(plan.Wheels, others, site, extras)
	if err != nil {
		return &wheels.SelectError{Err: err}
	}
	var findings []check.Finding
	for _, u := range unmet {
		findings = append(findings, check.Finding{Check: "python-dependency", Msg: u.String(),
			Fix: "add it to the requirements (uv export and pip-compile write all of them), or say no_deps: true"})
	}
	if len(findings) > 0 {
		return &check.UnsoundError{Findings: findings}
	}
	return nil
}

// muslOf is the version of musl that the indexes offer: the newest.
func muslOf(indexes []*apk.Index) string {
	newest := ""
	for _, x := range indexes {
		for q := range x.Named("musl") {
			if newest == "" || apk.CompareVersions(q.Version, newest) > 0 {
				newest = q.Version
			}
		}
	}
	return newest
}

// parts are the files that no package brings.
func (p PlatformPlan) parts() []runtime.Part {
	var parts []runtime.Part
	for _, r := range p.Runtimes {
		parts = append(parts, runtime.Part{Name: "runtime " + r.Public, Layer: r.Layer.Digest})
	}
	for _, w := range p.Wheels {
		parts = append(parts, runtime.Part{Name: "wheel " + w.Filename.Text, Layer: w.Fragment.Digest})
	}
	return parts
}

// wheelGroups are the layers that the wheels will have: at most a quarter of all.
func (j job) wheelGroups() []wheels.Group {
	const share = 4
	return wheels.Groups(j.plan.Wheels, max(j.spec.Layers.Max/share, 1), j.spec.Layers.Strategy == "single")
}

// wheelLayers makes the layers of the wheels.
func (j job) wheelLayers(ctx context.Context) ([]lock.Layer, error) {
	var out []lock.Layer
	for _, g := range j.wheelGroups() {
		recipe := lock.WheelsRecipe{Version: 1}
		var fragments, names []string
		for _, w := range g {
			recipe.Wheels = append(recipe.Wheels, w.SHA256)
			fragments, names = append(fragments, w.Fragment.Digest), append(names, w.String())
		}
		blob, err := j.store.Join(ctx, making(j.spec.Layers), fragments)
		if err != nil {
			return nil, fmt.Errorf("making the layer of %s: %w", strings.Join(names, ", "), err)
		}
		out = append(out, lock.NewLayer(blob, lock.WheelsPrefix+strings.Join(names, " "),
			[]lock.Reason{lock.NewReason(lock.ReasonWheels)}, &lock.Recipe{Wheels: &recipe}))
	}
	return out, nil
}

// lockedWheels is what the lock says of the wheels.
func (j job) lockedWheels(all []lock.Layer) []lock.Wheel {
	layer := make(map[string]string) // by SHA-256 of a wheel
	for _, l := range all {
		if !l.OfWheels() {
			continue
		}
		for _, sum := range l.Recipe.Wheels.Wheels {
			layer[sum] = l.Digest
		}
	}
	var out []lock.Wheel
	for _, w := range j.plan.Wheels {
		l := lock.Wheel{Name: w.Name(), Version: w.Version(), File: w.Filename.Text, SHA256: w.SHA256, Size: w.Size, Layer: layer[w.SHA256]}
		if l.URL, l.Incomplete = redact.URL(w.URL), redact.IsSecret(w.URL); w.Path != "" {
			l.URL, l.Path, l.Incomplete = "", j.spec.FromDir(w.Path), false
		}
		out = append(out, l)
	}
	return out
}

// wheelFiles gives the wheels that are held the hash that the lock has, where nothing else says one.
func (h hold) wheelFiles(files []source.File) []source.File {
	out := slices.Clone(files)
	for i, f := range out {
		w, held := h.wheels[f.Filename.Name]
		if held && w.File == f.Filename.Text && len(f.Hashes) == 0 && len(f.AnyOf) == 0 && !slices.Contains(h.free, w.Name) {
			out[i].Hashes = source.Hashes{"sha256": w.SHA256}
		}
	}
	return out
}
