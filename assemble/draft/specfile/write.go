package specfile

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// width is how long a line may be before a list is written one item a line.
const width = 110

// YAML returns the spec as a document.
func (s Spec) YAML() []byte {
	var w writer
	w.comments(s.Head)
	w.base(s)
	w.alpine(s)
	w.list("", "platforms", s.Platforms, s.PlatformsWhy)
	w.packages(s.Packages)
	w.scalar("", "runtime", s.Runtime, s.RuntimeWhy, func(v string) string { return "{source: " + quote(v) + "}" })
	w.scalar("", "allocator", s.Allocator, s.AllocatorWhy, quote)
	w.python(s.Python)
	w.scalar("", "bytecode", s.Bytecode, "modules are compiled beforehand: Python starts in a fraction of the time", quote)
	w.accounts(s)
	w.dirs(s.Dirs)
	w.files(s)
	w.paths(s.Paths)
	w.list("", "certificates", s.Certificates, "")
	w.image(s.Image)
	if len(s.Foot) > 0 {
		w.line("")
		w.comments(s.Foot)
	}
	return []byte(w.String())
}

type writer struct{ strings.Builder }

func (w *writer) line(text string) { w.WriteString(text + "\n") }

// comments writes lines as comments, long ones on several lines. A line break within one begins another comment, so that none
// becomes a field.
func (w *writer) comments(lines []string) {
	for _, text := range lines {
		if text == "" {
			w.line("#")
		}
		for line := range strings.Lines(text) {
			line = oneLine(line)
			more := ""
			if strings.HasPrefix(line, "- ") {
				more = "  "
			}
			for len(line) > width {
				cut := strings.LastIndexByte(line[:width], ' ')
				if cut < width/2 {
					break
				}
				w.line("# " + line[:cut])
				line = more + line[cut+1:]
			}
			w.line(strings.TrimRight("# "+line, " "))
		}
	}
}

// oneLine keeps what can stand in a comment of YAML.
func oneLine(s string) string {
	return strings.TrimRight(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffd {
			return ' '
		}
		return r
	}, s), " ")
}

// with puts a comment at the end of a line.
func with(text, why string) string {
	if why == "" {
		return text
	}
	return text + "  # " + oneLine(why)
}

func (w *writer) scalar(indent, key, value, why string, form func(string) string) {
	if value != "" {
		w.line(with(indent+key+": "+form(value), why))
	}
}

// list writes a list on one line, or one item a line where it is long.
func (w *writer) list(indent, key string, values []string, why string) {
	if len(values) == 0 {
		return
	}
	text := indent + key + ": " + flow(values)
	if len(text) <= width {
		w.line(with(text, why))
		return
	}
	w.line(with(indent+key+":", why))
	for _, v := range values {
		w.line(indent + "  - " + quote(v))
	}
}

func flow(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// isPlain reports whether a scalar means itself in YAML, in a flow list, too.
func isPlain(s string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9/._][A-Za-z0-9/._@+~=-]*(:[A-Za-z0-9/._@+~=-]+)*$`).MatchString(s)
}

// quote writes a scalar so that it is read back as it is.
func quote(s string) string {
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", ".":
	default:
		if isPlain(s) {
			return s
		}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (w *writer) base(s Spec) {
	if ref, all := s.Base[""]; all {
		w.scalar("", "base", ref, s.BaseWhy, quote)
		return
	}
	if len(s.Base) == 0 {
		return
	}
	w.line(with("base:", s.BaseWhy))
	for _, platform := range slices.Sorted(maps.Keys(s.Base)) {
		w.scalar("  ", platform, s.Base[platform], "", quote)
	}
}

func (w *writer) alpine(s Spec) {
	if s.Branch == "" && len(s.Repositories)+len(s.Keys) == 0 {
		return
	}
	w.line("alpine:")
	w.scalar("  ", "branch", s.Branch, s.BranchWhy, quote)
	w.list("  ", "repositories", s.Repositories, "")
	w.list("  ", "keys", s.Keys, "")
}

func (w *writer) packages(items []Item) {
	values, explained := make([]string, len(items)), false
	for i, item := range items {
		values[i], explained = item.Value, explained || item.Why != ""
	}
	if !explained {
		w.list("", "packages", values, "")
		return
	}
	w.line("packages:")
	var unexplained []string
	for _, item := range items {
		if item.Why == "" {
			unexplained = append(unexplained, quote(item.Value))
		}
	}
	for _, v := range unexplained {
		w.line("  - " + v)
	}
	for _, item := range items {
		if item.Why != "" {
			w.line(with("  - "+quote(item.Value), item.Why))
		}
	}
}

func (w *writer) python(p Python) {
	var in writer
	in.line("python:")
	in.scalar("  ", "lock", p.Lock, "", quote)
	in.list("  ", "requirements", p.Requirements, "")
	in.list("  ", "extras", p.Extras, "")
	in.list("  ", "groups", p.Groups, "")
	if p.NoDeps {
		in.line("  no_deps: true")
	}
	in.list("  ", "wheels", p.Wheels, "where the wheels are")
	if p.Lock == "" && len(p.Requirements)+len(p.Wheels) == 0 {
		w.comments(p.Why)
		return
	}
	w.comments(p.Why)
	for line := range strings.Lines(in.String()) {
		if p.Disabled {
			line = "#" + line
		}
		w.WriteString(line)
	}
}

// mapping writes {key: value, ...} of the pairs that have a value, which is written already.
func mapping(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, pairs[i]+": "+pairs[i+1])
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// orNothing is form of a value that is there.
func orNothing(v string) string {
	if v == "" {
		return ""
	}
	return quote(v)
}

func orNone(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return flow(values)
}

func (w *writer) accounts(s Spec) {
	if len(s.Users)+len(s.Groups) == 0 {
		return
	}
	w.line("accounts:")
	if len(s.Users) > 0 {
		w.line("  users:")
	}
	for _, u := range s.Users {
		w.line(with("    - "+mapping("name", quote(u.Name), "uid", orNothing(u.UID), "gid", orNothing(u.GID), "home", orNothing(u.Home),
			"shell", orNothing(u.Shell), "groups", orNone(u.Groups)), u.Why))
	}
	if len(s.Groups) > 0 {
		w.line("  groups:")
	}
	for _, g := range s.Groups {
		w.line("    - " + mapping("name", quote(g.Name), "gid", orNothing(g.GID), "members", orNone(g.Members)))
	}
}

func (w *writer) dirs(dirs []Dir) {
	if len(dirs) == 0 {
		return
	}
	w.line("dirs:")
	for _, d := range dirs {
		w.line("  - " + mapping("path", quote(d.Path), "uid", orNothing(d.UID), "gid", orNothing(d.GID), "mode", orNothing(d.Mode)))
	}
}

func (w *writer) paths(paths []Path) {
	if len(paths) == 0 {
		return
	}
	w.line("paths:")
	for _, p := range paths {
		recursive := ""
		if p.Recursive {
			recursive = "true"
		}
		w.line("  - " + mapping("path", quote(p.Path), "recursive", recursive, "uid", orNothing(p.UID), "gid", orNothing(p.GID),
			"mode", orNothing(p.Mode), "dir_mode", orNothing(p.DirMode), "symlink", orNothing(p.Symlink)))
	}
}

func (w *writer) files(s Spec) {
	w.comments(s.FilesWhy)
	if len(s.Files) == 0 {
		return
	}
	w.line("files:")
	for _, f := range s.Files {
		replace := ""
		if f.Replace {
			replace = "true"
		}
		one := mapping("from", quote(f.From), "to", quote(f.To), "uid", orNothing(f.UID), "gid", orNothing(f.GID), "mode", orNothing(f.Mode),
			"replace", replace, "exclude", orNone(f.Exclude))
		if len(one) <= width {
			w.line(with("  - "+one, f.Why))
			continue
		}
		w.line(with("  - from: "+quote(f.From), f.Why))
		w.scalar("    ", "to", f.To, "", quote)
		w.scalar("    ", "uid", f.UID, "", quote)
		w.scalar("    ", "gid", f.GID, "", quote)
		w.scalar("    ", "mode", f.Mode, "", quote)
		w.scalar("    ", "replace", replace, "", quote)
		w.list("    ", "exclude", f.Exclude, "")
	}
}

func (w *writer) image(i Image) {
	var in writer
	in.scalar("  ", "user", i.User, i.UserWhy, quote)
	in.scalar("  ", "workdir", i.Workdir, "", quote)
	in.list("  ", "entrypoint", i.Entrypoint, i.EntrypointWhy)
	in.list("  ", "cmd", i.Cmd, i.CmdWhy)
	in.pairs("env", i.Env)
	in.list("  ", "ports", i.Ports, "")
	in.list("  ", "volumes", i.Volumes, "")
	in.scalar("  ", "stop_signal", i.StopSignal, "", quote)
	if h := i.Healthcheck; h.None {
		in.line("  healthcheck: none")
	} else if len(h.Test) > 0 {
		in.line("  healthcheck:")
		in.list("    ", "test", h.Test, "")
		for _, f := range [][2]string{{"interval", h.Interval}, {"timeout", h.Timeout}, {"start_period", h.StartPeriod}, {"start_interval", h.StartInterval}, {"retries", h.Retries}} {
			in.scalar("    ", f[0], f[1], "", quote)
		}
	}
	in.pairs("labels", i.Labels)
	in.pairs("annotations", i.Annotations)
	if in.Len() > 0 {
		w.line("image:")
		w.WriteString(in.String())
	}
}

func (w *writer) pairs(key string, pairs []Pair) {
	if len(pairs) == 0 {
		return
	}
	w.line("  " + key + ":")
	for _, p := range pairs {
		w.line(with("    "+quote(p.Key)+": "+value(p.Value), p.Why))
	}
}

// value writes a scalar that may be empty.
func value(s string) string {
	if s == "" {
		return `""`
	}
	return quote(s)
}
