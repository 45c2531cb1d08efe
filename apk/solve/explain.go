package solve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/near"
	"github.com/pyimg/pyimg/internal/redact"
)

// ErrNoSolution is what errors.Is finds in an Error.
var ErrNoSolution = errors.New("no solution")

// Error says why nothing satisfies a world. Its text has a line for each problem and for each candidate.
type Error struct {
	Problems  []Problem
	Undecided bool     // no solution was found, but one may exist, see Solve
	Tries     int      // attempts with other choices
	Searched  []string // the URL or folder of each repository, without credentials
}

// Problem is one dependency that cannot be satisfied.
type Problem struct {
	Want       apk.Dependency
	By         []string    // NAME-VERSION of a package that needs it, then of a package that needs that one, up to one that world names; empty: world names Want
	Others     []string    // the other packages that need the same
	Clash      bool        // Candidates are all needed, but only one may provide the name Want.Name
	Candidates []Candidate // the packages that provide the name
	Reason     string      // says more than the candidates do; mostly ""
	Near       string      // if nothing provides the name: a similar name that is provided, or ""
}

// Candidate is a package that provides the name, and the reason why it cannot be chosen.
type Candidate struct {
	Package *apk.Package
	Reason  string
}

// Is makes errors.Is(err, ErrNoSolution) hold.
func (e *Error) Is(target error) bool { return target == ErrNoSolution }

func (e *Error) Error() string {
	var b strings.Builder
	if e.Undecided {
		b.WriteString("giving up, as apk would:")
	} else {
		b.WriteString("no solution:")
	}
	for i, p := range e.Problems {
		if i == maxShown {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Problems)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s", p)
	}
	if len(e.Searched) > 0 && slices.ContainsFunc(e.Problems, func(p Problem) bool { return len(p.Candidates) == 0 && p.Reason == "" }) {
		fmt.Fprintf(&b, "\n  searched: %s", shorten(e.Searched))
	}
	if e.Undecided {
		fmt.Fprintf(&b, "\n  (%d other choices failed as well; another one may work: ask for packages or versions to lead pyimg to it)", e.Tries)
	}
	return b.String()
}

// ExitCode is exit.NoSolution.
func (e *Error) ExitCode() exit.Code { return exit.NoSolution }

// String returns the problem on one line, and each of its candidates on a line.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.summary())
	if len(p.Candidates) > 0 {
		b.WriteByte(':')
	}
	for i, c := range p.Candidates {
		if i == maxShown {
			fmt.Fprintf(&b, "\n    and %d more", len(p.Candidates)-i)
			break
		}
		fmt.Fprintf(&b, "\n    %s %s", c.Package, c.Reason)
	}
	return b.String()
}

// maxShown bounds the problems, and the candidates of each, in an error's text.
const maxShown = 20

func (p Problem) summary() string {
	if p.Clash {
		return fmt.Sprintf("only one package may provide %q", p.Want.Name)
	}
	text := p.demand()
	switch {
	case p.Reason != "":
		return text + ": " + p.Reason
	case p.Want.Conflict:
		return text + ", but it is needed"
	case len(p.Candidates) > 0:
		return text + ", but no candidate can be chosen"
	case p.Near != "":
		return fmt.Sprintf("%s, but nothing provides it; did you mean %q?", text, p.Near)
	default:
		return text + ", but nothing provides it"
	}
}

// demand says who needs p.Want.
func (p Problem) demand() string {
	what := fmt.Sprintf("you asked for %q", p.Want)
	if len(p.By) > 0 {
		by := p.By[0]
		if len(p.By) > 1 {
			by += " (for " + strings.Join(p.By[1:], ", for ") + ")"
		}
		what = fmt.Sprintf("%s needs %q", by, p.Want)
	}
	if len(p.Others) > 0 {
		what += ", also needed by " + shorten(p.Others)
	}
	return what
}

// shorten joins the first few names.
func shorten(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// ruledBy says what ruled a package out.
type ruledBy uint8

const (
	ruledByNothing   ruledBy = iota
	ruledByIndex             // apk would never install it
	ruledBySearch            // withheld by the second search
	ruledByWant              // it does not satisfy packageState.whyWant
	ruledByDepends           // its own dependency whyWant cannot be satisfied
	ruledByExclusive         // a package that is needed anyway provides whyWant.name, too
	ruledByLock              // the name whyWant.name is taken
)

// clash is a name that two chosen packages both claim.
type clash struct{ name, first, second int32 }

// unmet is a dependency of the world (by none) or of a chosen package that the choice does not
// satisfy.
type unmet struct {
	by   int32
	want want
}

func (a *attempt) unmet() []unmet {
	var out []unmet
	check := func(by int32, ws []want) {
		for _, w := range ws {
			if !a.provides(by, w, a.choice(w.name)) {
				out = append(out, unmet{by, w})
			}
		}
	}
	check(none, a.world.wants)
	for _, id := range a.chain {
		check(id, a.dependsOf(&a.catalog.packages[id]))
	}
	return out
}

// explain returns all problems of a failed attempt, at least one.
func (a *attempt) explain() []Problem {
	out := a.unmetProblems()
	for _, c := range a.clashes {
		p := Problem{Want: apk.Dependency{Name: a.catalog.names[c.name].text}, Clash: true}
		for _, id := range []int32{c.first, c.second} {
			p.Candidates = append(p.Candidates, Candidate{a.packageOf(id), a.wantedText(id)})
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		out = a.strayProblems()
	}
	return out
}

func (a *attempt) unmetProblems() []Problem {
	var out []Problem
	place := make(map[apk.Dependency]int)
	for _, u := range a.unmet() {
		wanted := a.dependency(u.want)
		if i, again := place[wanted]; again && u.by != none {
			out[i].Others = append(out[i].Others, a.text(u.by))
			continue
		}
		place[wanted] = len(out)
		p := Problem{Want: wanted, By: a.path(u.by), Candidates: a.candidates(u.want)}
		if len(p.Candidates) == 0 && !u.want.conflict && len(out) < maxShown {
			p.Near = a.near(wanted.Name)
		}
		out = append(out, p)
	}
	return out
}

// near returns a provided name that is similar to one that nothing provides, or "".
func (c *catalog) near(name string) string {
	known := make([]string, 0, len(c.names))
	for i, n := range c.names {
		if len(c.providers.of(int32(i))) > 0 && strings.Contains(n.text, ":") == strings.Contains(name, ":") {
			known = append(known, n.text)
		}
	}
	return near.Name(name, known)
}

// searched returns a URL or folder of each repository.
func (c *catalog) searched() []string {
	var out []string
	for _, x := range c.indexes {
		if x.Repository != nil && len(x.Repository.Mirrors) > 0 {
			out = append(out, redact.URL(x.Repository.Mirrors[0]))
		}
	}
	return out
}

// strayProblems returns problems of packages that apk chose for want of better ones, and of names that it decided
// although no chosen package needs them in the end. apk counts these errors, too.
func (a *attempt) strayProblems() []Problem {
	stray := []string{"a package that was not chosen in the end"}
	var out []Problem
	for i := range a.packages {
		if id := int32(i); a.packages[id].failed {
			q := &a.catalog.packages[id]
			by := stray
			if a.packages[id].changed {
				by = a.path(a.wanter(id))
			}
			only := Candidate{a.packageOf(id), a.ruledOut(id, maxNesting)}
			out = append(out, Problem{Want: apk.Dependency{Name: a.catalog.names[q.name].text}, By: by, Candidates: []Candidate{only}})
		}
	}
	for i := range a.names {
		if n := &a.names[i]; n.locked && n.chosen.pkg == none && n.requirers > 0 {
			w := want{name: int32(i)}
			out = append(out, Problem{Want: a.dependency(w), By: stray, Candidates: a.candidates(w)})
		}
	}
	return out
}

// candidates returns each provider of a name with the reason why it cannot be chosen.
func (a *attempt) candidates(w want) []Candidate {
	var out []Candidate
	for _, p := range a.providers.of(w.name) {
		q := &a.catalog.packages[p.pkg]
		if w.conflict && a.choice(q.name).pkg != p.pkg {
			continue // not installed, so not in conflict
		}
		out = append(out, Candidate{a.packageOf(p.pkg), a.refusal(w, p, maxNesting)})
	}
	return out
}

// maxNesting bounds how many dependencies deep one reason goes.
const maxNesting = 3

func (a *attempt) refusal(w want, p provider, depth int) string {
	id := p.pkg
	q := &a.catalog.packages[id]
	switch {
	case w.conflict:
		return a.wantedText(id)
	case q.refused:
		return "cannot be installed: " + a.refused[id]
	case !a.provides(none, w, p) && w.op == apk.OpChecksum:
		return fmt.Sprintf("has the checksum %s", a.checksum(id))
	case !a.provides(none, w, p) && q.name != w.name:
		return fmt.Sprintf("provides %s=%s", a.catalog.names[w.name].text, a.versionText(p.version))
	case !a.provides(none, w, p):
		return fmt.Sprintf("is not %s%s", w.op, a.versionText(w.version))
	case !a.packages[id].selectable || !a.packages[id].tagOK:
		return a.ruledOut(id, depth)
	case !a.choosableUnasked(p):
		return fmt.Sprintf("provides it without a version, and nothing says which package to prefer: ask for %q to choose it", a.catalog.names[q.name].text)
	default:
		return "was not chosen"
	}
}

// ruledOut says what ruled a package out.
func (a *attempt) ruledOut(id int32, depth int) string {
	p, q := &a.packages[id], &a.catalog.packages[id]
	switch p.why {
	case ruledByNothing:
		return fmt.Sprintf("is only in a repository with the tag @%s: ask for %s@%[1]s", a.firstTag(q), a.catalog.names[q.name].text)
	case ruledByIndex:
		return "cannot be installed: " + a.refused[id]
	case ruledByWant:
		if p.whyBy == none {
			return fmt.Sprintf("is ruled out, since you asked for %q", a.dependency(p.whyWant))
		}
		return fmt.Sprintf("is ruled out, since %s needs %q", a.text(p.whyBy), a.dependency(p.whyWant))
	case ruledByDepends:
		return "needs " + a.missing(p.whyWant, depth-1)
	case ruledByExclusive, ruledByLock:
		name := a.catalog.names[p.whyWant.name].text
		if p.whyBy == none {
			return fmt.Sprintf("is ruled out, since %q must not be installed", name)
		}
		return fmt.Sprintf("is ruled out, since %s provides %q", a.text(p.whyBy), name)
	}
	return "contradicts another choice"
}

// missing says what is wrong with a dependency of a package that was not chosen.
func (a *attempt) missing(w want, depth int) string {
	providers := a.providers.of(w.name)
	if len(providers) == 0 {
		return fmt.Sprintf("%q, which nothing provides", a.dependency(w))
	}
	if w.conflict || depth == 0 {
		return fmt.Sprintf("%q, which cannot be installed", a.dependency(w))
	}
	p := providers[0]
	text := fmt.Sprintf("%q, but %s %s", a.dependency(w), a.text(p.pkg), a.refusal(w, p, depth))
	if len(providers) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(providers)-1)
	}
	return text
}

func (a *attempt) text(id int32) string {
	if id == none {
		return "world"
	}
	return a.packageText(id)
}

func (a *attempt) wantedText(id int32) string {
	if by := a.path(a.wanter(id)); len(by) > 0 {
		return "is needed by " + strings.Join(by, ", for ")
	}
	return "is what you asked for"
}

// maxPath bounds the packages that a path names.
const maxPath = 16

// path lists a chosen package, one that needs it, and so on, up to one that world names.
func (a *attempt) path(id int32) []string {
	var out []string
	for id != none {
		if len(out) == maxPath { // or it is a cycle
			return append(out, "others")
		}
		out = append(out, a.text(id))
		id = a.wanter(id)
	}
	return out
}

// wanter returns a chosen package that depends on this one, or none if world names it.
func (a *attempt) wanter(id int32) int32 {
	if a.wanters == nil {
		a.findWanters()
	}
	if by, ok := a.wanters[id]; ok {
		return by
	}
	return none
}

// findWanters notes for each chosen package the last one that depends on it. Dependencies come before dependents, so
// that is the one nearest to world.
func (a *attempt) findWanters() {
	a.wanters = make(map[int32]int32)
	note := func(by int32, ws []want) {
		for _, w := range ws {
			if id := a.choice(w.name).pkg; !w.conflict && id != none && id != by {
				a.wanters[id] = by
			}
		}
	}
	for _, id := range a.chain {
		note(id, a.dependsOf(&a.catalog.packages[id]))
	}
	note(none, a.world.wants)
}

// firstTag returns a tag of a repository that lists the package.
func (c *catalog) firstTag(q *catalogPackage) string {
	i := slices.IndexFunc(c.tagRepos, func(repos uint64) bool { return repos&q.repos != 0 })
	return c.tags[max(i, 0)]
}

func (c *catalog) unknownTag(tag string) string {
	known := make([]string, 0, len(c.tags))
	for _, t := range c.tags[1:] {
		known = append(known, "@"+t)
	}
	if len(known) == 0 {
		return fmt.Sprintf("no repository has the tag @%s; none has a tag at all", tag)
	}
	return fmt.Sprintf("no repository has the tag @%s (known tags: %s)", tag, strings.Join(known, ", "))
}
