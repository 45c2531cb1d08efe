package assemble

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/bytecode"
	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// BuildOptions change what Build does. The zero value is the usual build.
type BuildOptions struct {
	// Created stands in the image as its time of creation, and in the files that are made; zero: the newest build date
	// among the inputs. SOURCE_DATE_EPOCH is meant to come in here.
	Created time.Time
	// Verified is told what verifying found, platform by platform in the spec's order, also where Build fails then; nil: nobody.
	Verified func(check.Report)
}

// Build ingests what the plan names and makes what it lacks, for all platforms at once, and verifies the result. The
// error is a *VerifyError (errors.As) for an image that could not start; nothing is written then but the store.
func Build(ctx context.Context, plan Plan, src input.Access, o BuildOptions) (lock.Lock, error) {
	return layers.Healing(func() (lock.Lock, error) { return build(ctx, plan, src, o) })
}

func build(ctx context.Context, plan Plan, src input.Access, o BuildOptions) (lock.Lock, error) {
	files, err := readFiles(ctx, plan.Spec, plan.filesTime(o))
	if err != nil {
		return lock.Lock{}, err
	}
	defer files.close()
	units, err := ingestPackages(ctx, plan, src)
	if err != nil {
		return lock.Lock{}, err
	}
	builds := make([]*platformBuild, len(plan.Platforms))
	err = eachPlatform(plan.Spec.Platforms, func(i int) error {
		builds[i] = &platformBuild{spec: plan.Spec, plan: plan.Platforms[i], units: units[i], store: src.Store, files: files,
			created: cmp.Or(plan.Platforms[i].Created, o.Created), repositories: plan.repositories}
		return builds[i].begin(ctx)
	})
	made := plan.bytecodeMode()
	if err == nil {
		made, err = addBytecode(ctx, made, builds, src.Runners)
	}
	if err == nil {
		err = eachPlatform(plan.Spec.Platforms, func(i int) error { return builds[i].end(ctx) })
	}
	for _, b := range builds {
		if o.Verified != nil && b.found != nil {
			o.Verified(*b.found)
		}
	}
	if err != nil {
		return lock.Lock{}, err
	}
	lock := lock.Lock{Version: lock.Version, Spec: plan.Spec.Digest(), Untrusted: src.AllowUntrusted, Annotations: plan.Spec.Image.Annotations, Files: files.locked(), Bytecode: lockedBytecode(made)}
	warnings := make([][]string, len(builds))
	for i, b := range builds {
		warnings[i] = b.warnings
		lock.Platforms = append(lock.Platforms, b.locked())
	}
	src.WarnAll(plan.Spec.Platforms, warnings)
	return lock, lock.Seal()
}

// platformBuild is the build of one platform. Its steps fill it in, in the order of run.
type platformBuild struct {
	spec         spec.Spec
	plan         PlatformPlan
	units        []unit
	store        *layers.Store
	created      time.Time
	repositories spec.Repositories
	files        *hostFiles

	root     *root.Root
	layers   []lock.Layer
	cuts     int             // how many layers, the lowest ones, are of packages
	tree     *tree.Tree      // of the layers but for the last; with it, once generate has run
	stated   map[string]bool // folders whose owner and mode the spec says
	accounts []metaItem      // what the spec's accounts add to the last layer
	items    []metaItem      // the last layer
	config   v1.Config
	found    *check.Report // once verify has run
	warnings []string
}

// begin makes the layers of packages, runtimes and files.
func (b *platformBuild) begin(ctx context.Context) error {
	return b.run(ctx, b.date, b.install, b.require, b.cut, b.merge, b.addFiles, b.addAccounts)
}

// end makes the last layer, and verifies the image.
func (b *platformBuild) end(ctx context.Context) error {
	return b.run(ctx, b.generate, b.verify, b.meta)
}

func (b *platformBuild) run(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// MaxCreated is the latest time of creation that RFC 3339, and so an image, can say.
const MaxCreated = 253402300799 // 9999-12-31T23:59:59Z, in seconds since 1970

// date picks the time of creation: no clock is read, so that the same inputs give the same image.
func (b *platformBuild) date(context.Context) error {
	if !b.created.IsZero() {
		return nil
	}
	b.created = time.Unix(0, 0).UTC()
	for _, u := range b.units {
		if u.pkg.BuildTime > MaxCreated {
			return fmt.Errorf("package %s: its build date is %d seconds since 1970, expected a year before 10000", u.pkg, u.pkg.BuildTime)
		}
		b.created = newest(b.created, time.Unix(u.pkg.BuildTime, 0).UTC())
	}
	for _, r := range b.plan.Runtimes {
		for e, err := range b.store.Entries(r.Layer.Digest) {
			if err != nil {
				return err
			}
			if e.Header.ModTime.Unix() > MaxCreated {
				return fmt.Errorf("runtime %s: /%s is of the year %d, expected one before 10000", r.Public, e.Path(), e.Header.ModTime.Year())
			}
			b.created = newest(b.created, e.Header.ModTime.UTC().Truncate(time.Second))
		}
	}
	return nil
}

// install works out what apk would make of the packages.
func (b *platformBuild) install(context.Context) error {
	installed := make([]root.Installed, len(b.units))
	for i, u := range b.units {
		installed[i] = u.installed(b.store)
	}
	var err error
	b.root, err = root.Install(installed, root.Options{Dialect: b.plan.Dialect, Arch: b.plan.Platform.Alpine(),
		Passwd: passwdText(b.spec.Accounts), Group: groupText(b.spec.Accounts)})
	if err != nil {
		return err
	}
	b.warnScripts()
	b.warnings = append(b.warnings, sizeWarnings(b.units)...)
	return nil
}

// warnScripts names the scripts that apk would have run and whose work nothing here does.
func (b *platformBuild) warnScripts() {
	var names []string
	for _, s := range b.root.PendingScripts() {
		switch p := b.units[s.Package].pkg.Name; p {
		case "busybox": // its links are made, see busyboxLinks
		case "alpine-baselayout": // on a new root they add a group and an owner that its data has already
		default:
			names = append(names, p+" ("+s.Type+")")
		}
	}
	if len(names) > 0 {
		b.warnings = append(b.warnings, "scripts that are not run: "+strings.Join(names, ", "))
	}
}

// cut makes the layers but for the last.
func (b *platformBuild) cut(ctx context.Context) (err error) {
	others := len(b.plan.Runtimes) + 1 // the meta layer
	if len(b.files.items) > 0 {
		others++
	}
	if b.spec.Bytecode != "" && b.spec.Bytecode != string(bytecode.None) {
		others += 2
	}
	var unused glob.List
	b.layers, unused, err = packageLayers(ctx, b.spec.Layers, b.spec.Exclude, others, b.units, b.root, b.store)
	b.warnExcluded(unused)
	b.cuts = len(b.layers)
	for _, r := range b.plan.Runtimes {
		b.layers = append(b.layers, r.Layer)
	}
	return err
}

// merge lays the layers on top of each other.
func (b *platformBuild) merge(context.Context) (err error) {
	ls := make([]tree.Layer, len(b.layers))
	for i, l := range b.layers {
		ls[i] = tree.Layer{Name: l.From, Entries: b.store.Entries(l.Digest)}
	}
	if b.tree, err = tree.New(ls, b.decide); err != nil {
		return err
	}
	return b.throughSymlink()
}

// generate works out the last layer, and lays it on top.
func (b *platformBuild) generate(context.Context) error {
	b.items = b.metaItems()
	if err := b.tree.Add(tree.Layer{Name: metaName, Entries: entriesOf(b.items)}); err != nil {
		return err
	}
	return b.throughSymlink()
}

// layerName is what the layer is called that will have this number.
func (b *platformBuild) layerName(i int) string {
	if i == len(b.layers) {
		return metaName
	}
	return b.layers[i].From
}

// decide says whether a path of a later layer may take that of an earlier one.
func (b *platformBuild) decide(path string, old, new int) (bool, error) {
	packages := b.cuts
	switch {
	case new < packages:
		return true, nil // apk's rules were applied: the winner lies on top
	case new < len(b.layers) && b.layerName(new) == filesName:
		return true, nil // addFiles has seen that it may
	case new < len(b.layers):
		return false, check.Unsound("layer-conflict", "/"+path, "keep one out with the exclude of a runtime", "/%s is in %s and in %s",
			path, b.layerName(old), b.layerName(new))
	case old < packages:
		return true, nil // a package's own copy of what apk writes
	case slices.ContainsFunc(b.accounts, func(i metaItem) bool { return i.header.Name == path }):
		return true, nil // what is there, and more
	}
	return false, check.Unsound("layer-conflict", "/"+path, "keep it out with the exclude of the runtime or of files", "/%s is in %s, but it is apk's own", path, b.layerName(old))
}

// throughSymlink refuses a tree in which a layer's path leads through another layer's symlink.
func (b *platformBuild) throughSymlink() error {
	for n := range b.tree.All() {
		if n.Through != "" {
			return check.Unsound("layer-symlink", "/"+n.Path, "move it with prefix or exclude it",
				"%s has a path below /%s, which is a symlink in another layer", b.layerName(n.Layer), n.Through)
		}
	}
	return nil
}

func (b *platformBuild) meta(ctx context.Context) error {
	l, err := metaLayer(ctx, b)
	b.layers = append(b.layers, l)
	return err
}
