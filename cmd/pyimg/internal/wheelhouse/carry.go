package wheelhouse

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/bundle/supply"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/layers/local"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/wheels/build"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/download"
	"github.com/pyimg/pyimg/wheels/plan"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Carry is what a bundle needs for the builds of a configuration.
type Carry struct {
	Inputs assemble.Inputs
	Images []create.BaseImage
	Files  []create.BuildFile
}

// NewCarry plans the builds of a configuration, asks the backends what they need, and gathers all of that. Sdists and wheels are fetched
// into the cache. quiet reports no progress.
func NewCarry(ctx context.Context, run *session.Session, name string, quiet bool) (Carry, error) {
	text, err := regular.Read(name, config.MaxSize)
	if err != nil {
		return Carry{}, exit.WrongUse(fmt.Errorf("reading what wheels to build: %w", err))
	}
	if redact.HasSecrets(string(text)) {
		return Carry{}, exit.Usagef("%s has a user name, a password or a query in a URL, which a bundle must not hold: leave it to netrc, or to $HTTP_AUTH", name)
	}
	c, err := config.Read(name)
	if err != nil {
		return Carry{}, err
	}
	read := &readTexts{config: c, texts: make(map[string][]byte)}
	c.Texts = read
	house, err := planAll(ctx, run, c, quiet)
	if err != nil {
		return Carry{}, err
	}
	g := gathering{ctx: ctx, house: house, list: supply.List{Config: sumOf(text)}, carried: make(map[string]bool)}
	g.text(manifest.ConfigPath, text)
	for _, step := range []func() error{g.sources, func() error { return g.texts(read) }, g.folders, g.roots, g.image} {
		if err := step(); err != nil {
			return Carry{}, err
		}
	}
	list, err := g.list.Encode()
	g.text(manifest.SupplyPath, list)
	return g.Carry, err
}

// planAll makes the plan, with what the backends ask for.
func planAll(ctx context.Context, run *session.Session, c config.Config, quiet bool) (house *House, err error) {
	var p plan.Plan
	err = run.Progressing(func(progress input.Progress) error {
		if house, err = Open(ctx, run, Setting{Config: c}, progress); err == nil {
			p, err = house.Planner.Make(ctx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	work, done, err := Work()
	if err != nil {
		return nil, err
	}
	defer done()
	o := house.BuildOptions(run, work, 0)
	o.Index = repository.Open(filepath.Join(work, "index")) // of build requirements that have no wheel
	if quiet {
		o.Progress = nil
	}
	store, err := run.Store()
	if err != nil {
		return nil, err
	}
	unasked, err := build.Ask(ctx, p, house.Built, store, o)
	warned := make(map[string]bool)
	warn := func(text string) { // once, not for each platform
		if !warned[text] {
			run.Warn(text)
		}
		warned[text] = true
	}
	for _, u := range unasked {
		warn(fmt.Sprintf("what the backend of %s asks for at build time could not be found out, so the bundle lacks it: %s", u.Item.Name(), u.Reason))
	}
	for _, i := range p.Items {
		if i.Wanted && i.State == plan.Impossible {
			warn(fmt.Sprintf("%s cannot be built, so the bundle has nothing for it: %s", i.Name(), i.Reason))
		}
	}
	return house, err
}

// readTexts notes what is read of a configuration's files.
type readTexts struct {
	config config.Config
	mu     sync.Mutex
	texts  map[string][]byte
}

func (r *readTexts) Read(name string, most int64) ([]byte, error) {
	data, err := regular.Read(r.config.Path(name), most)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.texts[name] = data
	}
	return data, err
}

// gathering fills in a Carry, step by step.
type gathering struct {
	Carry
	ctx   context.Context //nolint:containedctx // it lives for one call
	house *House
	list  supply.List

	carried map[string]bool // SHA-256 of sdists and wheels that were added
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (g *gathering) text(at string, data []byte) {
	g.Files = append(g.Files, create.BuildFile{File: manifest.TextFile(at, manifest.Build, data), Text: data})
}

// texts adds requirements files, locks and patches.
func (g *gathering) texts(read *readTexts) error {
	for _, name := range slices.Sorted(maps.Keys(read.texts)) {
		in := supply.Input{Name: name, SHA256: sumOf(read.texts[name]), Kind: supply.Text}
		if redact.HasSecrets(string(read.texts[name])) {
			return exit.Usagef("%s has a user name, a password or a query in a URL, which a bundle must not hold", name)
		}
		g.list.Inputs = append(g.list.Inputs, in)
		g.text(in.Path(), read.texts[name])
	}
	return nil
}

// sources adds what the plan chose of each source.
func (g *gathering) sources() error {
	at := make(map[plan.Lister]*supply.Source)
	var all []*supply.Source
	add := func(of plan.Lister, s supply.Source) {
		if at[of] == nil {
			at[of] = &s
			all = append(all, &s)
		}
	}
	for _, f := range g.house.Folders {
		at[f] = nil
	}
	for _, s := range g.house.Sources {
		_, wanted := at[s.Lister]
		add(s.Lister, supply.Source{Name: s.Name, Served: s.Served, Wanted: wanted, Projects: []supply.Project{}})
	}
	for _, c := range g.house.Planner.Choices() {
		to := at[c.Source]
		if c.Wheel != nil {
			w := *c.Wheel
			to.Add(c.Project, supply.WheelFile(w, c.WheelDigest))
			if err := g.carry(w.Filename.Text, manifest.Wheel, c.WheelDigest, func(ctx context.Context) (string, error) {
				return g.house.Download.WheelFile(ctx, download.Wheel{File: w, SHA256: c.WheelDigest})
			}); err != nil {
				return err
			}
		}
		if c.Sdist != nil {
			s := *c.Sdist
			to.Add(c.Project, supply.SdistFile(s, c.SdistDigest))
			if err := g.carry(s.File, manifest.Sdist, c.SdistDigest, func(ctx context.Context) (string, error) {
				return g.house.Download.SdistFile(ctx, download.Sdist{Sdist: s, SHA256: c.SdistDigest})
			}); err != nil {
				return err
			}
		}
	}
	for _, s := range all {
		g.list.Sources = append(g.list.Sources, *s)
	}
	return nil
}

// carry adds an sdist or a wheel, once.
func (g *gathering) carry(name string, kind manifest.Kind, digest string, find func(context.Context) (string, error)) error {
	if digest == "" || g.carried[digest] {
		return nil
	}
	g.carried[digest] = true
	at, err := find(g.ctx)
	if err != nil {
		return err
	}
	info, err := os.Stat(at)
	if err != nil {
		return err
	}
	f := manifest.File{Path: supply.File{Name: name, Hashes: map[string]string{"sha256": digest}}.Path(), Kind: kind, Size: info.Size(), SHA256: digest}
	g.Files = append(g.Files, create.BuildFile{File: f, Open: func(context.Context) (io.ReadCloser, error) { return os.Open(at) }})
	return nil
}

// folders adds the builder's folder and mounts.
func (g *gathering) folders() error {
	c := g.house.Config
	names := []string{}
	if c.Builder.Folder != "" {
		names = append(names, c.Builder.Folder)
	}
	for _, m := range c.Builder.Mounts {
		names = append(names, m.Host)
	}
	for _, name := range names {
		if _, known := g.list.Input(name); known {
			continue
		}
		if err := g.folder(name, c.Path(name)); err != nil {
			return fmt.Errorf("packing %s for the bundle: %w", name, err)
		}
	}
	return nil
}

func (g *gathering) folder(name, at string) error {
	at, err := filepath.Abs(at)
	if err != nil {
		return err
	}
	info, err := os.Stat(at)
	if err != nil {
		return err
	}
	in, from := supply.Input{Name: name, Kind: supply.Folder}, "."
	if !info.IsDir() {
		in.Kind, from = supply.Single, filepath.Base(at)
		at = filepath.Dir(at)
	}
	pack := func(ctx context.Context, w io.Writer) error { return packFolder(ctx, at, from, w) }
	size, sum, err := manifest.Sum(func(w io.Writer) error { return pack(g.ctx, w) })
	if err != nil {
		return err
	}
	in.SHA256 = sum
	g.list.Inputs = append(g.list.Inputs, in)
	g.Files = append(g.Files, create.BuildFile{File: manifest.File{Path: in.Path(), Kind: manifest.Build, Size: size, SHA256: sum},
		Open: func(ctx context.Context) (io.ReadCloser, error) { return create.Piped(ctx, pack), nil }})
	return nil
}

// packFolder writes what is below a name in a folder as a tar.
func packFolder(ctx context.Context, dir, name string, w io.Writer) error {
	f, err := local.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	var files []local.File
	err = f.Walk(ctx, name, func(name string, info fs.FileInfo) error {
		if name == "." {
			return nil
		}
		file, err := f.Look(ctx, name, info)
		files = append(files, file)
		return err
	})
	if err != nil {
		return err
	}
	return f.Pack(ctx, w, files)
}

// roots adds the packages and runtimes of all roots that the builds need.
func (g *gathering) roots() error {
	var inputs []assemble.Inputs
	for _, p := range g.house.Builder.Resolved() {
		inputs = append(inputs, p.Inputs())
	}
	var err error
	if g.Inputs, err = create.Merge(inputs...); err != nil {
		return err
	}
	for _, p := range g.Inputs.Platforms {
		for _, r := range p.Runtimes {
			if r.Image() != "" {
				g.list.Images = append(g.list.Images, supply.Image{Ref: strings.TrimPrefix(r.Public, spec.FromImage), Platform: p.Platform.String(), Digest: r.Digest})
				continue
			}
			runtime := supply.Runtime{URL: r.Public, SHA256: strings.TrimPrefix(r.Digest, "sha256:")}
			if !slices.Contains(g.list.Runtimes, runtime) {
				g.list.Runtimes = append(g.list.Runtimes, runtime)
			}
		}
	}
	return nil
}

// image adds the image that the builder is.
func (g *gathering) image() error {
	images, err := g.house.Builder.Images(g.ctx)
	if err != nil {
		return err
	}
	ref := g.house.Config.Builder.Image
	for _, platform := range slices.Sorted(maps.Keys(images)) {
		index, err := oci.Wrap(images[platform])
		if err != nil {
			return err
		}
		root, err := oci.Root(index)
		if err != nil {
			return err
		}
		digest := root.Digest.String()
		g.list.Images = append(g.list.Images, supply.Image{Ref: ref, Platform: platform, Digest: digest})
		g.Images = append(g.Images, create.BaseImage{Ref: bundle.ImageRef(assemble.InputRuntime{URL: spec.FromImage + ref, Digest: digest}), Root: root, Index: index})
	}
	slices.SortFunc(g.list.Images, func(a, b supply.Image) int {
		return cmp.Or(strings.Compare(a.Ref, b.Ref), strings.Compare(a.Platform, b.Platform))
	})
	return nil
}
