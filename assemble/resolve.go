package assemble

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/assemble/base"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
)

// Resolve chooses what the image is made of: it ingests the runtimes, reads the package indexes and solves for the
// packages, for all platforms at once. The error is a *solve.Error (errors.Is solve.ErrNoSolution) where the packages
// cannot be had together. Packages and indexes need a signature of one of keys, here and when the plan is built; where keys
// are nil no signature is checked, which the lock then notes.
func Resolve(ctx context.Context, s spec.Spec, src input.Access, keys *apk.Keyring) (Plan, error) {
	return resolve(ctx, s, src, keys, func(spec.Platform) hold { return hold{} })
}

func resolve(ctx context.Context, spec spec.Spec, src input.Access, keys *apk.Keyring, held func(spec.Platform) hold) (Plan, error) {
	if err := spec.CheckPlatforms(); err != nil {
		return Plan{}, err
	}
	bases, err := openBases(ctx, spec, src, held)
	if err != nil {
		return Plan{}, err
	}
	sourced, err := onBranch(spec, bases)
	if err != nil {
		return Plan{}, err
	}
	repositories, err := sourced.SourceRepositories()
	if err != nil {
		return Plan{}, err
	}
	packaging, err := newPackaging(ctx, spec, src, nil)
	if err != nil {
		return Plan{}, err
	}
	repositories, releases, err := shared(ctx, repositories, src)
	if err != nil {
		return Plan{}, err
	}
	large, err := largeOf(ctx, src.Memo)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Spec: spec, keys: keys, repositories: repositories, Platforms: make([]PlatformPlan, len(spec.Platforms))}
	err = eachPlatform(spec.Platforms, func(i int) (err error) {
		p := spec.Platforms[i]
		plan.Platforms[i], err = resolvePlatform(ctx, sourced, PlatformPlan{Platform: p, Base: bases[i]}, repositories, ingest.Mirrors{Access: src, Keys: keys}, held(p),
			packaging, releases, large)
		return err
	})
	if err != nil {
		return Plan{}, withSources(err, plan)
	}
	notes := make([][]string, len(plan.Platforms))
	for i, p := range plan.Platforms {
		notes[i] = p.Notes
	}
	plan.Warnings = warnings(plan.Spec.Platforms, notes)
	if packaging != nil {
		plan.wheelIndexes, plan.Warnings = packaging.indexes.Pins(), append(plan.Warnings, packaging.indexes.Warnings()...)
	}
	return plan, nil
}

func resolvePlatform(ctx context.Context, spec spec.Spec, plan PlatformPlan, repositories spec.Repositories, src ingest.Mirrors, held hold,
	packaging *packaging, releases *runtime.Releases, large *semaphore.Weighted) (PlatformPlan, error) {
	held.memo, held.records = src.Memo, src.IndexOptions(plan.Platform.Alpine()).Cache
	p := plan.Platform
	from := repositories.APK()
	if addsFilesAlone(spec) || plan.Base != nil && plan.Base.Database == nil {
		from = nil // no package can be added, or none is asked for
	}
	var offered indexes
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		offered, err = fetchIndexes(gctx, from, p.Alpine(), src, large)
		return err
	})
	g.Go(func() (err error) {
		plan.Runtimes, err = runtime.Ingest(gctx, spec, p, src.Access, held.runtimes, releases)
		return err
	})
	if err := g.Wait(); err != nil {
		return plan, err
	}
	if packaging != nil {
		if err := packaging.selectWheels(ctx, &plan, offered, held); err != nil {
			return plan, err
		}
	}
	if err := offered.use(ctx, func(all []*apk.Index) error { return plan.choose(spec, all, held, src) }); err != nil {
		return plan, err
	}
	for _, r := range plan.Runtimes {
		plan.Notes = append(plan.Notes, r.Notes()...)
	}
	return plan, cmp.Or(plan.checkMimalloc(spec), plan.checkPython())
}

// addsFilesAlone reports whether a spec asks for nothing that could need a package. No index is read then.
func addsFilesAlone(s spec.Spec) bool {
	a := s.Allocator
	return len(s.Packages)+len(s.Runtimes)+len(s.Python.Requirements)+len(s.Python.Wheels)+len(s.Python.Locks) == 0 && s.Python.Lock == "" &&
		(a.Name == "" || a.Name == "none") && a.Preload == ""
}

// choose finds the packages in the indexes.
func (p *PlatformPlan) choose(spec spec.Spec, indexes []*apk.Index, held hold, src ingest.Mirrors) error {
	needs, err := librariesNeeded(p.parts(), p.Platform, src.Access)
	if err != nil {
		return err
	}
	allocator, err := p.allocate(spec, indexes)
	if err != nil {
		return err
	}
	needs.All = heldByBase(needs.All, p.Base)
	for _, d := range spec.Packages {
		delete(needs.Optional, d.Name) // the spec itself asks for it
	}
	if err := p.choosePackages(spec, held, needs, allocator, indexes); err != nil {
		err = explainAsked(err, asked(spec, allocator), indexes)
		return explainNeeds(err, p.parts(), src.Store)
	}
	for _, x := range indexes {
		p.Notes = append(p.Notes, x.Notes...)
	}
	return nil
}

// choosePackages solves for the packages, on an empty root or on that of the base.
func (p *PlatformPlan) choosePackages(s spec.Spec, held hold, needs runtime.Needs, allocator string, indexes []*apk.Index) error {
	if p.Base != nil && p.Base.Database == nil {
		asked, err := world(s, p.Platform, nil, allocator) // what is missing for files' needs, verifying reports
		return cmp.Or(err, p.withoutPackages(asked))
	}
	want, err := world(s, p.Platform, needs.All, allocator)
	if err != nil {
		return err
	}
	p.Dialect = dialect(s.Alpine, p.Base, indexes)
	if p.Base != nil {
		return p.addToBase(s, held, needs.Optional, want, indexes)
	}
	var solution solve.Solution
	p.World, err = withoutAbsent(needs.Optional, want, func(world []apk.Dependency) (err error) {
		solution, err = held.solve(world, indexes, p.Dialect)
		return err
	})
	p.Packages, p.Tags = solution.Packages, solution.Tags
	p.Notes = append(p.Notes, solution.Notes...)
	return err
}

// withoutAbsent solves for the world, and leaves out of it what is optional and nothing provides: the modules of Python that want
// it are then named by a warning of verifying. It returns the world that it solved for.
func withoutAbsent(optional map[string]bool, world []apk.Dependency, solve func([]apk.Dependency) error) ([]apk.Dependency, error) {
	for {
		err := solve(world)
		unsolved, is := asUnsolved(err)
		if !is {
			return world, err
		}
		absent := make(map[string]bool)
		for _, p := range unsolved.Problems {
			absent[p.Want.Name] = optional[p.Want.Name] && len(p.By) == 0 && len(p.Candidates) == 0
		}
		rest := slices.DeleteFunc(slices.Clone(world), func(d apk.Dependency) bool { return absent[d.Name] })
		if len(rest) == len(world) {
			return world, err
		}
		world = rest
	}
}

// world is what the solver is asked for: the spec's packages, what its allocator and runtimes stand for, and the
// libraries that the runtimes' files need. The latter stay in the image's world, else a later "apk add" in a container
// would purge them. allocator is the package that brings it; "" where none does.
func world(asked spec.Spec, p spec.Platform, needs []string, allocator string) ([]apk.Dependency, error) {
	w := slices.Clone(asked.Packages)
	add := func(s string) error {
		d, err := apk.ParseDependency(s)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(w, func(x apk.Dependency) bool { return x.Name == d.Name }) {
			w = append(w, d)
		}
		return nil
	}
	for _, r := range asked.Runtimes {
		if r.At(p) == spec.FromAPK {
			needs = append(needs, "python3")
		}
	}
	if allocator != "" {
		needs = append(needs, allocator)
	}
	for _, n := range needs {
		if err := add(n); err != nil {
			return nil, fmt.Errorf("asking for %q: %w", n, err)
		}
	}
	return w, nil
}

// dialect picks the apk whose rules choose the packages and write the installed root: as the spec says, else by what is in the base,
// else by the branch, else by the apk-tools that the index offers, else 3. Alpine ships apk-tools 3 from v3.23 on.
func dialect(a spec.Alpine, on *base.Image, indexes []*apk.Index) apk.Dialect {
	if a.Dialect != 0 {
		return apk.Dialect(a.Dialect)
	}
	if on != nil && on.Dialect() != 0 {
		return on.Dialect()
	}
	if m := regexp.MustCompile(`^v3\.(\d+)$`).FindStringSubmatch(a.Branch); m != nil {
		if minor, err := strconv.Atoi(m[1]); err == nil && minor < 23 {
			return apk.Dialect2
		}
		return apk.Dialect3
	}
	for _, i := range indexes {
		for p := range i.Named("apk-tools") {
			if strings.HasPrefix(p.Version, "2.") {
				return apk.Dialect2
			}
		}
	}
	return apk.Dialect3
}

// withSources adds to the error of a platform without a source which platforms have one.
func withSources(err error, plan Plan) error {
	if !errors.Is(err, runtime.ErrNoSource) {
		return err
	}
	var have []string
	for _, p := range plan.Platforms {
		if len(p.Runtimes) > 0 && len(p.Runtimes) == len(plan.Spec.Tarballs(p.Platform)) {
			have = append(have, p.Platform.String())
		}
	}
	if have == nil {
		return err
	}
	if len(have) > 1 {
		return fmt.Errorf("%w; %s have one", err, strings.Join(have, ", "))
	}
	return fmt.Errorf("%w; %s has one", err, have[0])
}
