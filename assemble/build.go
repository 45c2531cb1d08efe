package assemble

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/bytecode"
	"github.com/pyimg/pyimg/assemble/certificates"
	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/hostfiles"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/internal/accounts"
	"github.com/pyimg/pyimg/assemble/internal/cut"
	"github.com/pyimg/pyimg/assemble/internal/early"
	"github.com/pyimg/pyimg/assemble/internal/meta"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/paths"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// BuildOptions change what Build does. The zero value is the usual build.
type BuildOptions struct {
	// Created is the image's time of creation and that of the files that are made; zero: the newest build date
	// among the inputs. SOURCE_DATE_EPOCH is meant to come in here.
	Created time.Time
	// Layers, if it is not nil, is given layers that the image will have while others are being fetched, so that they can
	// be sent meanwhile. Where the build fails, they were given in vain. None is given where nothing is fetched.
	Layers LayerSink
}

// LayerSink gets layers, which are in the store. Layer returns at once. Calls may overlap, and a layer may come twice.
type LayerSink interface{ Layer(b layers.Blob) }

// Built is what comes of a plan.
type Built struct {
	Lock     lock.Lock
	Findings []check.Report // of verifying, by platform in the spec's order; none where it did not come to that
	Warnings []string       // what a person should know though it stops nothing, each with its platforms
}

// Build ingests what the plan names and makes what it lacks, for all platforms at once, and verifies the result. The
// error is a *check.UnsoundError (errors.As) for an image that could not start; nothing is written then but the store, and
// Findings are there all the same.
func Build(ctx context.Context, plan Plan, src input.Access, o BuildOptions) (Built, error) {
	return layers.Healing(func() (Built, error) { return build(ctx, plan, src, o) })
}

func build(ctx context.Context, plan Plan, src input.Access, o BuildOptions) (Built, error) {
	files, err := hostfiles.Read(ctx, plan.Spec, src.Folder, plan.filesTime(o.Created))
	if err != nil {
		return Built{}, err
	}
	defer files.Close()
	jobs := make([]job, len(plan.Platforms))
	for i, p := range plan.Platforms {
		jobs[i] = job{spec: plan.Spec, plan: p, repositories: plan.repositories, files: files, store: src.Store,
			created: cmp.Or(p.Created, o.Created)}
	}
	announced := early.New(o.Layers)
	units, err := ingestPackages(ctx, jobs, plan.locked, ingest.Mirrors{Access: src, Keys: plan.keys}, announced)
	if err != nil {
		return Built{}, err
	}
	below := make([]lower, len(jobs))
	err = eachPlatform(plan.Spec.Platforms, func(i int) (err error) {
		j := jobs[i]
		j.units = units[i]
		below[i], err = j.begin(ctx, src)
		announced.AddLayers(below[i].own())
		return err
	})
	if err != nil {
		return Built{}, err
	}
	made, with, err := addBytecode(ctx, plan.bytecodeMode(), below, src)
	if err != nil {
		return Built{}, err
	}
	for _, w := range with {
		announced.AddLayers(w.own())
	}
	results := make([]built, len(below))
	err = eachPlatform(plan.Spec.Platforms, func(i int) (err error) {
		l := below[i]
		below[i] = lower{} // what finish no longer needs is garbage then
		results[i], err = l.finish(ctx, with[i])
		return err
	})
	var out Built
	for _, r := range results {
		if r.report != nil {
			out.Findings = append(out.Findings, *r.report)
		}
	}
	if err != nil {
		return out, err
	}
	python, err := wheels.Lock(ctx, plan.Spec, src.Texts)
	if err != nil {
		return out, err
	}
	out.Lock = lock.Lock{Version: lock.Version, Spec: plan.Spec.Digest(), Untrusted: plan.keys == nil, Annotations: plan.Spec.Image.Annotations,
		Files: files.Locked(), Python: python, WheelIndexes: plan.wheelIndexes, Bytecode: lockedBytecode(made)}
	texts := make([][]string, len(results))
	for i, r := range results {
		texts[i] = r.warnings
		out.Lock.Platforms = append(out.Lock.Platforms, r.locked)
	}
	out.Warnings = warnings(plan.Spec.Platforms, texts)
	return out, out.Lock.Seal()
}

// A job is what the image of one platform is built of. Its steps change nothing in it: each is a function of the results of
// those before it.
type job struct {
	spec         spec.Spec
	plan         PlatformPlan
	units        []ingest.Unit
	repositories spec.Repositories
	files        *hostfiles.Found
	store        *layers.Store
	created      time.Time // zero: the newest time of the inputs
}

// lower is the image of one platform up to the spec's files: what bytecode is made of, and what the last layer follows from.
type lower struct {
	job
	stack
	created  time.Time
	root     *root.Root
	stated   map[string]bool // folders whose owner and mode the spec says
	accounts []meta.Item     // what the spec's accounts add to the last layer
	warnings []string
}

// begin makes the layers of packages, runtimes and files.
func (j job) begin(ctx context.Context, src input.Access) (lower, error) {
	created, err := j.date()
	if err != nil {
		return lower{}, err
	}
	installed, err := j.install()
	if err != nil {
		return lower{}, err
	}
	warnings := append(scriptWarnings(installed), ingest.SizeWarnings(j.units)...)
	if err := cmp.Or(ctx.Err(), j.require(), wheels.CheckPackages(j.plan.Wheels, j.plan.site, j.packageFiles(installed))); err != nil {
		return lower{}, err
	}
	baseTree, baseLayers, err := j.baseTree(ctx, gone(installed))
	if err != nil {
		return lower{}, err
	}
	var packages []lock.Layer
	if installed != nil {
		var unused glob.List
		if packages, unused, err = cut.Packages(ctx, j.spec.Layers, j.spec.Exclude, j.otherLayers(), j.units, installed, j.store); err != nil {
			return lower{}, err
		}
		warnings = append(warnings, cut.Warnings(packages, unused)...)
	}
	ofWheels, err := j.wheelLayers(ctx)
	if err != nil {
		return lower{}, err
	}
	s, err := newStack(baseTree, baseLayers, packages, j.plan.Runtimes, ofWheels, j.store)
	if err != nil {
		return lower{}, err
	}
	s, more, err := j.addCertificates(ctx, s)
	if err != nil {
		return lower{}, err
	}
	warnings = append(warnings, more...)
	s, stated, err := j.addFiles(ctx, s, j.owners(installed, s))
	if err != nil {
		return lower{}, err
	}
	s, changed, more, err := j.changePaths(ctx, s, j.owners(installed, s), src)
	if err != nil {
		return lower{}, err
	}
	stated, warnings = merged(stated, changed), append(warnings, more...)
	accounts, err := meta.AccountItems(j.spec.Accounts, s.tree, j.owners(installed, s), created)
	return lower{j, s, created, installed, stated, accounts, warnings}, cmp.Or(err, ctx.Err())
}

// built is what comes of a job.
type built struct {
	locked   lock.Platform
	report   *check.Report // of verifying; nil where it did not come to that
	warnings []string
}

// finish verifies the image with bytecode, and makes the last layer.
func (l lower) finish(ctx context.Context, with compiled) (built, error) {
	components, err := l.components(with.stack)
	if err != nil {
		return built{}, err
	}
	config := imageConfig(l.spec, l.plan)
	documents, err := l.documents(components, config)
	if err != nil {
		return built{}, err
	}
	items := meta.Items(meta.Input{Documents: documents, Root: l.root, Base: l.base, Tree: with.tree, World: l.plan.World, Repositories: l.repositories,
		Exclude: l.spec.Exclude, Stated: l.stated, Accounts: l.accounts, Created: l.created})
	l.root = nil // verifying needs the room that it takes
	if err := cmp.Or(with.addMeta(items, l.accounts), ctx.Err()); err != nil {
		return built{}, err
	}
	report, ofBase, err := verify(with.stack, l.plan, config)
	if err != nil {
		return built{report: &report}, err
	}
	warnings := slices.Concat(l.warnings, with.warnings, ofBase)
	for _, f := range report.Findings {
		if f.Severity == check.Warning {
			warnings = append(warnings, f.String())
		}
	}
	if with.base > 0 && len(items) == 0 {
		return built{l.locked(l.created, config, with.layers, components), &report, warnings}, nil
	}
	last, err := meta.Layer(ctx, items, making(l.spec.Layers), l.store)
	return built{l.locked(l.created, config, append(with.layers, last), components), &report, warnings}, err
}

// otherLayers is how many layers there are that are not of packages.
func (j job) otherLayers() int {
	n := len(j.plan.Runtimes) + len(j.wheelGroups()) + 1 // the meta layer
	if j.plan.Base != nil {
		n += len(j.plan.Base.Layers) + 1 // what is removed from it
	}
	if !j.files.Empty() {
		n++
	}
	if len(j.files.Certificates()) > 0 {
		n++
	}
	if len(j.spec.Paths) > 0 {
		n++
	}
	if j.spec.Bytecode != "" && j.spec.Bytecode != string(bytecode.None) {
		n += 3
	}
	return n
}

// MaxCreated is the latest time of creation that RFC 3339, and so an image, can say.
const MaxCreated = 253402300799 // 9999-12-31T23:59:59Z, in seconds since 1970

// date picks the time of creation: no clock is read, so that the same inputs give the same image.
func (j job) date() (time.Time, error) {
	if !j.created.IsZero() {
		return j.created, nil
	}
	created := time.Unix(0, 0).UTC()
	if j.plan.Base != nil && j.plan.Base.Created.Unix() <= MaxCreated {
		created = newest(created, j.plan.Base.Created)
	}
	for _, u := range j.units {
		if u.Pkg.BuildTime > MaxCreated {
			return created, fmt.Errorf("package %s: its build date is %d seconds since 1970, expected a year before 10000", u.Pkg, u.Pkg.BuildTime)
		}
		created = newest(created, time.Unix(u.Pkg.BuildTime, 0).UTC())
	}
	for _, r := range j.plan.Runtimes {
		for e, err := range j.store.Entries(r.Layer.Digest) {
			if err != nil {
				return created, err
			}
			if e.Header.ModTime.Unix() > MaxCreated {
				return created, fmt.Errorf("runtime %s: /%s is of the year %d, expected one before 10000", r.Public, e.Path(), e.Header.ModTime.Year())
			}
			created = newest(created, e.Header.ModTime.UTC().Truncate(time.Second))
		}
	}
	return created, nil
}

// install works out what apk would make of the packages.
func (j job) install() (*root.Root, error) {
	installed := make([]root.Installed, len(j.units))
	for i, u := range j.units {
		installed[i] = u.Installed(j.store)
	}
	o := root.Options{Dialect: j.plan.Dialect, Arch: j.plan.Platform.Alpine(),
		Passwd: accounts.Passwd(j.spec.Accounts), Group: accounts.Group(j.spec.Accounts)}
	switch {
	case j.plan.Base == nil:
		return root.Install(installed, o)
	case j.plan.Base.Database == nil:
		return nil, nil // nothing is installed
	}
	return j.plan.Base.Install(j.plan.Steps, installed, o)
}

// gone are the files of the base that are not there any more.
func gone(installed *root.Root) []string {
	if installed == nil {
		return nil
	}
	return slices.Collect(installed.Gone())
}

// scriptWarnings name the scripts that apk would have run and whose work nothing here does.
func scriptWarnings(installed *root.Root) []string {
	if installed == nil {
		return nil
	}
	var names []string
	for _, s := range installed.PendingScripts() {
		switch p := s.Package; p {
		case "busybox": // its links are made, see busyboxLinks
		case "alpine-baselayout": // on a new root they add a group and an owner that its data has already
		default:
			names = append(names, p+" ("+s.Type+")")
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{"scripts that are not run: " + strings.Join(names, ", ")}
}

// packageFiles yields the files of all packages, with the package of each.
func (j job) packageFiles(installed *root.Root) iter.Seq2[string, string] {
	return func(yield func(path, owner string) bool) {
		for f := range installed.Files() {
			if !yield(f.Path, j.units[f.Package].Pkg.String()) {
				return
			}
		}
	}
}

// owners returns what says where a path of the layers is from: the package where one has it, else the layer.
func (j job) owners(installed *root.Root, s stack) func(tree.Node) string {
	return func(n tree.Node) string {
		if s.ofPackages(n.Layer) {
			for f := range installed.Files() {
				if f.Path == n.Path {
					return j.units[f.Package].String()
				}
			}
		}
		return s.layers[n.Layer].From
	}
}

// addCertificates lays the layer of certificates on those of packages and runtimes.
func (j job) addCertificates(ctx context.Context, below stack) (stack, []string, error) {
	trusted := j.files.Certificates()
	if len(trusted) == 0 {
		return below, nil, nil
	}
	l, alone, err := certificates.Layer(ctx, trusted, below.tree, j.files.Time(), making(j.spec.Layers), j.store)
	if err != nil {
		return below, nil, err
	}
	warnings := certificates.Warnings(trusted, time.Now()) // the image does not depend on the clock
	if alone {
		warnings = append(warnings, "certificates: the image has no others, so it trusts these alone; the package ca-certificates-bundle has the usual ones")
	}
	below, err = below.add(l, j.store)
	return below, warnings, err
}

// addFiles lays the layer of the spec's own files on those of packages and runtimes. It returns the folders whose owner and
// mode the spec says.
func (j job) addFiles(ctx context.Context, below stack, owner func(tree.Node) string) (stack, map[string]bool, error) {
	if j.files.Empty() {
		return below, nil, nil
	}
	l, stated, err := j.files.Layer(ctx, j.plan.Platform, below.tree, owner, making(j.spec.Layers), j.store)
	if err != nil {
		return below, nil, err
	}
	below, err = below.add(l, j.store)
	return below, stated, err
}

// changePaths lays the layer of the spec's paths on all others but bytecode and the last one. It returns the folders whose owner and
// mode the spec says, and what a person should know.
func (j job) changePaths(ctx context.Context, below stack, owner func(tree.Node) string, src input.Access) (stack, map[string]bool, []string, error) {
	if len(j.spec.Paths) == 0 {
		return below, nil, nil, nil
	}
	open := func(ctx context.Context, layer int, do func(io.Reader) error) error {
		if layer < below.foreign {
			return j.plan.Base.ReadLayer(ctx, layer, src, do)
		}
		l := below.layers[layer]
		return j.store.Tar(ctx, layers.Source{Name: "layer " + l.Digest, Digest: l.Digest,
			Open: func(context.Context) (io.ReadCloser, error) { return j.store.Open(l.Digest) }}, l.DiffID, do)
	}
	made, err := paths.Layer(ctx, j.spec.Paths, paths.Below{Root: below.tree, Owner: owner, Layers: below.layers, Open: open},
		j.files.Time(), making(j.spec.Layers), j.store)
	if err != nil || made.Layer == nil {
		return below, nil, made.Warnings, err
	}
	below, err = below.add(*made.Layer, j.store)
	return below, made.Folders, made.Warnings, err
}
