package plan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/download"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Target is a Python on a platform that wheels are built for.
type Target struct {
	Platform string
	Target   target.Target
	Native   int    // the target in whose Python its builds run: itself, unless they are cross-compiled
	Wanted   bool   // else only build requirements are built for it
	Python   string // its interpreter's tag, "cp313", for names
}

// State is what is to be done for an item.
type State string

// The states.
const (
	Missing    State = "missing"    // the index has no wheel of this version for the target
	Outdated   State = "outdated"   // it has one that was built of other things
	Current    State = "up to date" // it has the one with this key
	Served     State = "served"     // another index has a wheel that fits
	Skipped    State = "skipped"    // wheels.yaml says so
	Failed     State = "failed"     // it was tried before, with this key
	Impossible State = "impossible" // no sdist, or no build requirements
)

// Item is a wheel that the index is to have.
type Item struct {
	Project  string
	Version  string
	Target   int
	State    State
	Reason   string // for Skipped, Failed and Impossible; which index, for Served
	Key      string // of the build; "" where there is none
	Wheel    string // the file that the index has, or that is served
	Wanted   bool   // else it is only a build requirement of others
	Sdist    download.Sdist
	Requires []Requirement
	Dynamic  []string // what its backend asks for, where an earlier build learned it
}

// ToBuild reports whether the item is to be built.
func (i *Item) ToBuild() bool { return i.State == Missing || i.State == Outdated }

// Name is the item for messages.
func (i *Item) Name() string {
	if i.Version == "" {
		return i.Project
	}
	return i.Project + " " + i.Version
}

// Options are what a plan is made of.
type Options struct {
	Config   config.Config
	Targets  []Target
	Sources  []Source
	Folders  []*Folder // those of wanted.sdists
	Download *download.Downloader
	Records  []repository.Record
	Failures map[string]repository.Failure // by key
	// Root is a digest of the root that builds for a target with these packages in addition: its packages, Python and mounts.
	Root func(ctx context.Context, target int, extra []apk.Dependency) (string, error)
	// Patch is the digest of a patch.
	Patch func(file string) (string, error)
	// Built is the wheel of a key that is there by now.
	Built func(key string) (source.File, bool)
}

// Planner makes plans. Its methods may be called by several goroutines.
type Planner struct {
	o        Options
	targets  []Target
	sources  *sources
	download *download.Downloader
	built    func(key string) (source.File, bool)
	taken    taken

	mu       sync.Mutex
	items    map[string]*Item
	order    []*Item // requirements before what needs them
	resolved map[string][]Requirement
	keys     map[string]repository.Record // by key
	projects map[string][]repository.Record
}

// NewPlanner returns a Planner.
func NewPlanner(o Options) *Planner {
	p := &Planner{o: o, targets: o.Targets, sources: &sources{list: o.Sources, has: make(map[string]*answer)}, download: o.Download, built: o.Built,
		items: make(map[string]*Item), resolved: make(map[string][]Requirement), keys: make(map[string]repository.Record), projects: make(map[string][]repository.Record)}
	for _, r := range o.Records {
		for _, k := range r.Keys {
			p.keys[k] = r
		}
		p.projects[r.Sdist.Name] = append(p.projects[r.Sdist.Name], r)
	}
	if p.built == nil {
		p.built = func(string) (source.File, bool) { return source.File{}, false }
	}
	return p
}

// Plan is what is to be done, in an order in which it can be done.
type Plan struct {
	Targets []Target
	Items   []*Item
}

// Make makes the plan. The error is one of reading a source; a package that cannot be built is an item that says why.
func (p *Planner) Make(ctx context.Context) (Plan, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, t := range p.targets {
		if !t.Wanted {
			continue
		}
		wishes, err := p.wishes(i)
		if err != nil {
			return Plan{}, err
		}
		if err := p.prefetch(ctx, wishes, i); err != nil {
			return Plan{}, err
		}
		for _, project := range slices.Sorted(maps.Keys(wishes)) {
			for _, w := range wishes[project] {
				if err := p.wish(ctx, project, w, i); err != nil {
					return Plan{}, err
				}
			}
		}
	}
	return Plan{Targets: p.targets, Items: needed(p.order)}, nil
}

// needed are the items that are wanted, and what these need: others were met while versions were sought, and given up.
func needed(all []*Item) []*Item {
	keep := make(map[*Item]bool)
	for _, i := range slices.Backward(all) { // requirements come before what needs them
		if keep[i] = keep[i] || i.Wanted; !keep[i] {
			continue
		}
		for _, q := range i.Requires {
			if q.Item != nil {
				keep[q.Item] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(i *Item) bool { return !keep[i] })
}

// wish adds the item of what is wanted of a project for a target.
func (p *Planner) wish(ctx context.Context, project string, w want, target int) error {
	more := p.o.Config.For(project)
	t := p.targets[target]
	if len(more.Platforms) > 0 && !slices.ContainsFunc(more.Platforms, func(q spec.Platform) bool { return q.String() == t.Platform }) {
		return nil
	}
	if more.Skip != "" {
		p.add(&Item{Project: project, Target: target, State: Skipped, Reason: more.Skip, Wanted: true})
		return nil
	}
	c, err := p.choose(ctx, project, w, t.Target)
	switch {
	case errors.Is(err, errNone):
		p.add(&Item{Project: project, Target: target, State: Impossible, Reason: err.Error(), Wanted: true})
		return nil
	case err != nil:
		return err
	case c.wheel != nil && (c.sdist == nil || c.from.Served && p.o.Config.Prebuilt == config.Use):
		p.add(&Item{Project: project, Version: c.version.String(), Target: target, State: Served, Reason: c.from.Name, Wheel: c.wheel.Filename.Text, Wanted: true})
		return nil
	}
	item, err := p.item(ctx, c.sdist, target, nil)
	if err != nil {
		return err
	}
	item.Wanted = true
	if err := w.checkHash(item.Sdist); err != nil && item.State != Impossible {
		item.State, item.Reason = Impossible, err.Error()
	}
	return nil
}

func (p *Planner) add(i *Item) {
	id := fmt.Sprint(i.Project, " ", i.Version, " ", i.Target)
	if p.items[id] == nil {
		p.items[id] = i
		p.order = append(p.order, i)
	}
}

// item is that of an sdist for a target, with the items that it needs before it. Its error is one of reading a source.
func (p *Planner) item(ctx context.Context, from *index.Sdist, target int, trail []string) (*Item, error) {
	id := fmt.Sprint(from.Project, " ", from.Version, " ", target)
	if known := p.items[id]; known != nil {
		return known, nil
	}
	i := &Item{Project: from.Project, Version: from.Version.String(), Target: target}
	err := p.describe(ctx, i, from, trail)
	if err != nil {
		if ctx.Err() != nil || isSourceError(err) {
			return nil, err
		}
		i.State, i.Reason = Impossible, err.Error()
	}
	if known := p.items[id]; known != nil {
		return known, nil // one of its requirements led here: a cycle, which is an error there
	}
	p.add(i)
	return i, nil
}

// isSourceError tells an index that does not answer, or a file that is not the right one, from a package that cannot be built.
func isSourceError(err error) bool {
	switch exit.Of(err) {
	case exit.Network, exit.Auth, exit.Unverified, exit.Usage:
		return err != nil
	}
	return false
}

// describe reads the sdist, resolves its build requirements and works out the key and the state.
func (p *Planner) describe(ctx context.Context, i *Item, from *index.Sdist, trail []string) error {
	var err error
	if i.Sdist, err = p.download.Sdist(ctx, *from); err != nil {
		return err
	}
	p.taken.sdist(i.Sdist)
	if i.Sdist.Project != i.Project || i.Sdist.Version.String() != i.Version {
		return fmt.Errorf("%s says that it is %s %s", i.Sdist.File, i.Sdist.Project, i.Sdist.Version)
	}
	for _, r := range p.projects[i.Project] {
		if r.Sdist.SHA256 == i.Sdist.SHA256 {
			i.Dynamic = r.Dynamic
		}
	}
	if err := p.require(ctx, i, trail); err != nil {
		return err
	}
	i.State, i.Reason, i.Wheel = p.state(i)
	return nil
}

// require resolves an item's build requirements, and works out its key.
func (p *Planner) require(ctx context.Context, i *Item, trail []string) error {
	more := p.o.Config.For(i.Project)
	requirements := slices.Concat(i.Sdist.Content.Requires, more.Requires, i.Dynamic)
	slices.Sort(requirements)
	requirements = slices.Compact(requirements)
	var err error
	native := p.targets[i.Target].Native
	if i.Requires, err = p.resolve(ctx, native, requirements, append(trail[:len(trail):len(trail)], i.Project)); err != nil {
		return err
	}
	i.Key, err = p.key(ctx, i, more)
	return err
}

// key is a hash over all that the wheel depends on.
func (p *Planner) key(ctx context.Context, i *Item, more config.Package) (string, error) {
	t := p.targets[i.Target]
	root, err := p.o.Root(ctx, i.Target, more.Packages)
	if err != nil {
		return "", err
	}
	patches := make([]string, len(more.Patches))
	for n, file := range more.Patches {
		if patches[n], err = p.o.Patch(file); err != nil {
			return "", err
		}
	}
	requires := make([]string, len(i.Requires))
	for n, r := range i.Requires {
		requires[n] = r.Project + " " + r.Version.String() + " " + r.id()
	}
	text, err := json.Marshal(struct {
		Recipe                               int
		Sdist, Python, Suffix, Platform      string
		Native, Root                         string
		BuilderEnv, Env, Settings            map[string]string
		Patches, Requires, AlwaysWantDynamic []string
	}{versions.Wheel, i.Sdist.SHA256, t.Target.Python.String(), t.Target.ExtSuffix, t.Platform, p.targets[t.Native].Platform, root,
		p.o.Config.Builder.Env, more.Env, more.Settings, patches, requires, i.Dynamic})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// state compares an item with what the index has.
func (p *Planner) state(i *Item) (state State, reason, wheel string) {
	if r, ok := p.keys[i.Key]; ok {
		return Current, "", r.File
	}
	if f, ok := p.o.Failures[i.Key]; ok {
		return Failed, f.Reason, ""
	}
	t := p.targets[i.Target]
	for _, r := range p.projects[i.Project] {
		f, err := r.Filename()
		if err == nil && f.Version.String() == i.Version && t.Target.Tags.Fits(f) {
			return Outdated, "", r.File
		}
	}
	return Missing, "", ""
}

// Again resolves the build requirements of an item once more, with what its backend asks for in addition. The items that it needs
// may be new. The result is another item: its key, its state and its requirements may differ.
func (p *Planner) Again(ctx context.Context, i *Item, dynamic []string) (*Item, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	again := *i
	again.Dynamic = slices.Clone(dynamic)
	slices.Sort(again.Dynamic)
	if err := p.require(ctx, &again, nil); err != nil {
		return nil, err
	}
	again.State, again.Reason, again.Wheel = p.state(&again)
	return &again, nil
}
