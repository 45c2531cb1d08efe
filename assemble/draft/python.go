package draft

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/pylock"
	"github.com/pyimg/pyimg/wheel/requirements"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/version"
)

// wants is what the project's files say of Python packages.
type wants struct {
	requirements []string // files that a command installs
	tool         string   // uv, poetry, pipenv or pdm, where a command uses it
	groups       []string
	extras       []string
	noDeps       bool
	indexes      []index
	noIndex      bool     // folders of wheels alone are searched
	dependencies []string // of pyproject.toml
	poetry       bool
	installs     bool // some command installs packages
	project      bool // the project itself is installed
}

// pythons are the versions that the optimized runtime exists for, the newest first.
func pythons() []string { return []string{"3.14", "3.13", "3.12"} }

// python chooses what says which packages the image gets.
func (m *maker) python(ctx context.Context) {
	if m.noPython && len(m.wants.requirements) == 0 && !m.wants.installs {
		return
	}
	switch lock := m.lock(); {
	case len(m.wants.requirements) > 0:
		m.takeRequirements(m.wants.requirements)
	case lock != "":
		m.takeLock(ctx, lock)
	case m.foreignLock():
	case m.has("requirements.txt"):
		m.takeRequirements([]string{"requirements.txt"})
	case len(m.wants.dependencies) > 0:
		m.unlocked("pyproject.toml", fmt.Sprintf("its dependencies (%s) have no lock, and pyimg resolves nothing", shorten(strings.Join(m.wants.dependencies, ", "))), m.howToLock())
	default:
		m.setup()
	}
}

// lock is the lock that pyimg reads; "" if there is none.
func (m *maker) lock() string {
	if m.has("uv.lock") && m.wants.tool == "uv" {
		return "uv.lock"
	}
	if m.has("pylock.toml") {
		return "pylock.toml"
	}
	var named []string
	for _, name := range m.names {
		if strings.HasPrefix(name, "pylock.") && strings.HasSuffix(name, ".toml") {
			named = append(named, name)
		}
	}
	switch {
	case len(named) == 1:
		return named[0]
	case m.has("uv.lock"):
		return "uv.lock"
	case len(named) > 1:
		m.note(named[1], "", "there are several locks, and "+named[0]+" was taken", "name the right one under python.lock")
		return named[0]
	}
	return ""
}

// howToLock says how the project's packages become a lock.
func (m *maker) howToLock() string {
	if m.wants.poetry || m.wants.tool == "poetry" {
		return "run \"poetry export --only main -o requirements.txt\" (with the plugin poetry-plugin-export)"
	}
	return "run \"uv lock\", or \"uv export --format pylock.toml --no-dev --no-emit-project -o pylock.toml\""
}

// foreignLock notes a lock that pyimg does not read.
func (m *maker) foreignLock() bool {
	for _, l := range []struct{ name, instead, result string }{
		{"poetry.lock", "run \"poetry export --only main -o requirements.txt\" (with the plugin poetry-plugin-export)", "requirements.txt"},
		{"pdm.lock", "run \"pdm export -f pylock --prod -o pylock.toml\"", "pylock.toml"},
		{"Pipfile.lock", "run \"pipenv requirements --hash > requirements.txt\"", "requirements.txt"},
		{"environment.yml", "list what pip installs in a requirements.txt, and lock it with uv or pip-compile", "requirements.txt"},
		{"environment.yaml", "list what pip installs in a requirements.txt, and lock it with uv or pip-compile", "requirements.txt"},
	} {
		if !m.has(l.name) {
			continue
		}
		if l.result == "requirements.txt" && m.has(l.result) {
			return false
		}
		m.unlockedAs(l.name, "pyimg does not read this kind of lock", l.instead, l.result)
		return true
	}
	return false
}

func (m *maker) unlocked(at, why, instead string) {
	result := "uv.lock"
	switch {
	case strings.Contains(instead, "requirements.txt"):
		result = "requirements.txt"
	case strings.Contains(instead, "requirements.lock"):
		result = "requirements.lock"
	}
	m.unlockedAs(at, why, instead, result)
}

// unlockedAs notes that packages are missing, and writes the field for the file that is yet to be made as a comment.
func (m *maker) unlockedAs(at, why, instead, result string) {
	m.note(at, "", why, instead+"; then take the \"#\" away before \"python:\"")
	p := &m.spec.Python
	why = hide(why)
	p.Disabled = true
	p.Why = []string{"The Python packages are missing. " + at + ": " + why + ".", "First " + instead + "; then take the \"#\" away here:"}
	if strings.HasPrefix(result, "requirements") {
		p.Requirements, p.Wheels = []string{result}, m.indexes()
		return
	}
	p.Lock = result
}

// setup notes what an old build script says of dependencies.
func (m *maker) setup() {
	for _, name := range []string{"setup.py", "setup.cfg", "Pipfile"} {
		if m.has(name) {
			m.unlocked(name, "it names no versions", "run \"uv pip compile "+name+" --generate-hashes -o requirements.txt\"")
			return
		}
	}
}

// takeRequirements takes requirements files over if each line of them names one version.
func (m *maker) takeRequirements(names []string) {
	set, err := requirements.Parse(names, func(name string) ([]byte, error) { return m.file(path.Clean(name)) })
	result := lockName(names[0])
	m.takeIndexes(set)
	lockIt := fmt.Sprintf("run \"uv pip compile %s --universal --generate-hashes -o %s\"", names[0], result)
	if err != nil {
		m.unlockedAs(names[0], reason(err), lockIt, result)
		return
	}
	loose, hashed := looseOf(set)
	if len(loose) > 0 {
		m.unlockedAs(loose[0].At, shorten(loose[0].Requirement.String())+more(len(loose)-1)+" names no version with ==, and pyimg resolves nothing", lockIt, result)
		return
	}
	p := &m.spec.Python
	p.Requirements, p.NoDeps, p.Wheels = names, m.wants.noDeps, m.indexes()
	if len(p.Wheels) > 1 {
		p.Why = append(p.Why, "Of several places, pyimg uses the first that has the project. pip compares all of them.")
	}
	if !hashed {
		p.Why = append(p.Why, "Without hashes pyimg takes the wheels as it finds them, and pyimg.lock keeps their hashes.")
	}
	if !p.NoDeps {
		p.Why = append(p.Why, "The files must name every dependency, too; pyimg says which ones are missing. To add them: "+strings.TrimPrefix(lockIt, "run ")+".")
	}
}

// takeIndexes takes over what requirements files say of where packages are; set is nil where they cannot be read.
func (m *maker) takeIndexes(set *requirements.Set) {
	if set == nil {
		return
	}
	m.wants.noIndex = m.wants.noIndex || set.NoIndex
	for _, o := range set.Indexes {
		i, _ := indexOfOption(o.Name, o.Value)
		if i.rank == linkedFolder && !strings.Contains(o.Value, "://") {
			i.at = m.folderOf(path.Join(path.Dir(o.File), o.Value), o.Value) // as pip searches it
		}
		m.addIndex(i)
	}
}

// lockName is the name of what a lock of a requirements file may be called.
func lockName(name string) string {
	dir, base := path.Split(name)
	return dir + strings.TrimSuffix(strings.TrimSuffix(base, ".in"), ".txt") + ".lock.txt"
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}

// looseOf returns the requirements that name no single version, neither themselves nor through a constraint.
func looseOf(set *requirements.Set) (loose []requirements.Wanted, hashed bool) {
	pinned := make(map[string]bool)
	for _, w := range set.Wanted() {
		if w.Constraint && isPin(w.Requirement) {
			pinned[dependency.Normalize(w.Requirement.Name)] = true
		}
	}
	for _, w := range set.Wanted() {
		hashed = hashed || len(w.Hashes) > 0
		if !w.Constraint && !isPin(w.Requirement) && !pinned[dependency.Normalize(w.Requirement.Name)] {
			loose = append(loose, w)
		}
	}
	return loose, hashed
}

func isPin(r dependency.Requirement) bool {
	_, pinned := r.Specifiers.Pin()
	return pinned
}

// takeLock takes a lock over, and notes what a platform would miss.
func (m *maker) takeLock(ctx context.Context, name string) {
	data, err := m.file(name)
	if err != nil {
		m.unlockedAs(name, err.Error(), m.howToLock(), name)
		return
	}
	parse := pylock.Parse
	if path.Base(name) == "uv.lock" {
		parse = pylock.ParseUV
	}
	l, err := parse(data, name)
	if err != nil {
		m.unlockedAs(name, err.Error(), m.howToLock(), name)
		return
	}
	p := &m.spec.Python
	p.Lock, p.Extras, p.Groups = name, m.wants.extras, m.wants.groups
	if path.Base(name) != "uv.lock" && len(m.wants.indexes) > 0 {
		p.Wheels = m.indexes()
	}
	fault := m.fitVersion(ctx, l)
	if fault == nil {
		return
	}
	if p.Lock != "uv.lock" && len(p.Wheels) == 0 {
		p.Wheels = m.indexes() // completes a lock that has the wheels of one machine alone
		p.Why = append(p.Why, "The index completes what the lock does not name for a platform, at the same versions.")
	}
	for _, line := range strings.Split(fault.Error(), "\n") {
		m.note(name, "", "an image of Alpine would miss something: "+strings.TrimSpace(line), "")
	}
}

// fitVersion chooses the newest Python that the lock has all wheels for, unless a file says which Python it is. The error is
// what is missing then.
func (m *maker) fitVersion(ctx context.Context, l *pylock.Lock) error {
	if m.version != "" || m.alpine {
		return m.missing(ctx, l, m.version)
	}
	var first error
	for _, v := range m.candidates() {
		err := m.missing(ctx, l, v)
		if err == nil {
			m.version, m.versionBy = v, "the newest that the lock has all wheels for"
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// missing is what a lock does not have for a Python on the platforms of the spec.
func (m *maker) missing(ctx context.Context, l *pylock.Lock, v string) error {
	if v == "" {
		return nil
	}
	var targets []target.Target
	for _, platform := range m.platforms() {
		machine, ok := machines()[platform]
		if !ok {
			continue
		}
		t, err := target.New(platform, target.Python{Version: v + ".0", Musl: "1.2.5", Machine: machine})
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	_, err := l.Select(ctx, targets, pylock.Options{Extras: m.spec.Python.Extras, Groups: m.spec.Python.Groups})
	return err
}

// machines are the platforms with their machines.
func machines() map[string]string {
	return map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l", "linux/386": "i686"}
}

// platforms are those that the image is for.
func (m *maker) platforms() []string {
	if len(m.spec.Platforms) > 0 {
		return m.spec.Platforms
	}
	return []string{"linux/amd64", "linux/arm64"}
}

// candidates are the versions of Python that the project allows, the newest first.
func (m *maker) candidates() []string {
	allowed, err := version.ParseSpecifiers(m.requires)
	if err != nil || m.requires == "" {
		return pythons()
	}
	var out []string
	for _, v := range pythons() {
		if full, err := version.Parse(v + ".99"); err == nil && allowed.Contains(full) {
			out = append(out, v)
		}
	}
	return out
}
