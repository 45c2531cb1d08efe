package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/version"
	"github.com/pyimg/pyimg/wheels/download"
)

// choice is the version of a project that requirements lead to: a wheel, an sdist, or both.
type choice struct {
	project string
	version version.Version
	from    Source
	wheel   *index.File // the best one that fits; nil: none does
	sdist   *index.Sdist
}

// want is what a version must meet.
type want struct {
	specifiers []version.Specifiers
	hashes     []source.Hash     // of the sdist; one must hold
	only       *Folder           // the one that has it; nil: any source
	not        []version.Version // those that other requirements exclude
}

func (w want) contains(v version.Version) bool {
	return !slices.ContainsFunc(w.specifiers, func(s version.Specifiers) bool { return !s.Contains(v) }) &&
		!slices.ContainsFunc(w.not, func(o version.Version) bool { return o.Compare(v) == 0 })
}

// text is the requirement, for messages.
func (w want) text(project string) string {
	var all []string
	for _, s := range w.specifiers {
		if !s.IsZero() {
			all = append(all, s.String())
		}
	}
	return project + strings.Join(all, ",")
}

// errNone is the error where no source has what is wanted.
var errNone = errors.New("no source has it")

// choose is the newest version of a project that a target can use. Pre-releases count only where nothing else does, or where one
// is asked for by name.
func (p *Planner) choose(ctx context.Context, project string, w want, t target.Target) (choice, error) {
	if w.only == nil {
		c, err := p.sources.of(ctx, project).choose(project, w, t, p.sources.names())
		p.taken.note(c, err)
		return c, err
	}
	l, found, err := w.only.List(ctx, project)
	l.Wheels = nil
	c, err := offer{l, Source{Lister: w.only, Name: "wanted.sdists"}, found, err}.choose(project, w, t, "wanted.sdists")
	p.taken.note(c, err)
	return c, err
}

func (o offer) choose(project string, w want, t target.Target, names string) (choice, error) {
	if o.err != nil {
		return choice{}, o.err
	}
	if !o.found {
		return choice{}, fmt.Errorf("%s: %w: it is not in %s", w.text(project), errNone, names)
	}
	versions := o.versions(w, t)
	if len(versions) == 0 {
		return choice{}, fmt.Errorf("%s: %w for Python %s on %s: %s has %s", w.text(project), errNone, t.Python, t.Platform, o.source.Name, o.have())
	}
	best := versions[0]
	for _, v := range versions[1:] {
		if preferred(v, best) {
			best = v
		}
	}
	return choice{project: project, version: best, from: o.source, wheel: o.bestWheel(best, t), sdist: o.bestSdist(best, w, t)}, nil
}

// preferred reports whether a is to be taken rather than b: the newer one, but a release rather than a pre-release.
func preferred(a, b version.Version) bool {
	if a.IsPrerelease() != b.IsPrerelease() {
		return b.IsPrerelease()
	}
	return a.Compare(b) > 0
}

func (s *sources) names() string {
	names := make([]string, len(s.list))
	for i, x := range s.list {
		names[i] = x.Name
	}
	if len(names) == 0 {
		return "the sources, of which there are none"
	}
	return strings.Join(names, ", ")
}

// have are the versions that an offer has, for messages.
func (o offer) have() string {
	var all []version.Version
	for _, s := range o.Sdists {
		all = append(all, s.Version)
	}
	for _, w := range o.Wheels {
		all = append(all, w.Filename.Version)
	}
	slices.SortFunc(all, func(a, b version.Version) int { return b.Compare(a) })
	all = slices.CompactFunc(all, func(a, b version.Version) bool { return a.Compare(b) == 0 })
	const most = 5
	texts := make([]string, 0, most)
	for i, v := range all {
		if i == most {
			texts = append(texts, "...")
			break
		}
		texts = append(texts, v.String())
	}
	return strings.Join(texts, ", ")
}

// versions are those that are wanted and that the target can use. Yanked files count only for a version that is named by ==.
func (o offer) versions(w want, t target.Target) []version.Version {
	named := func(v version.Version) bool {
		return slices.ContainsFunc(w.specifiers, func(s version.Specifiers) bool {
			pin, ok := s.Pin()
			return ok && pin.Compare(v) == 0
		})
	}
	var out []version.Version
	for _, s := range o.Sdists {
		if w.contains(s.Version) && s.RequiresPython.Contains(t.Python) && (!s.Yanked || named(s.Version)) && w.holds(s) {
			out = append(out, s.Version)
		}
	}
	for _, f := range o.Wheels {
		v := f.Filename.Version
		if w.contains(v) && f.RequiresPython.Contains(t.Python) && t.Tags.Fits(f.Filename) && (!f.Yanked || named(v)) {
			out = append(out, v)
		}
	}
	return out
}

// holds reports whether an sdist may have one of the hashes that are asked for. Of a file without a known hash that is seen later.
func (w want) holds(s index.Sdist) bool {
	return len(w.hashes) == 0 || len(s.Hashes) == 0 ||
		slices.ContainsFunc(w.hashes, func(h source.Hash) bool { return s.Hashes[h.Name] == h.Digest })
}

func (o offer) bestWheel(v version.Version, t target.Target) *index.File {
	var files []index.File
	var names []tag.Filename
	for _, f := range o.Wheels {
		if f.Filename.Version.Compare(v) == 0 && f.RequiresPython.Contains(t.Python) {
			files, names = append(files, f), append(names, f.Filename)
		}
	}
	if best := t.Tags.Best(names); best >= 0 {
		return &files[best]
	}
	return nil
}

func (o offer) bestSdist(v version.Version, w want, t target.Target) *index.Sdist {
	for _, s := range o.Sdists {
		if s.Version.Compare(v) == 0 && w.holds(s) && s.RequiresPython.Contains(t.Python) {
			return &s
		}
	}
	return nil
}

// checkHash compares an sdist, once its hash is known, with those that are asked for.
func (w want) checkHash(s download.Sdist) error {
	if len(w.hashes) == 0 || slices.ContainsFunc(w.hashes, func(h source.Hash) bool { return h.Name != "sha256" || h.Digest == s.SHA256 }) {
		return nil
	}
	return fmt.Errorf("%s has the SHA-256 %s, which is none of those that are asked for", s.File, s.SHA256)
}
