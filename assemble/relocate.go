package assemble

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/cpython"
	"github.com/pyimg/pyimg/layers"
)

// A move is a prefix that files of a runtime hold, and the one that it has in the image.
type move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// moves are the prefixes to write anew in a runtime that does not stay where its own files say that it is: what its
// sysconfig was configured for (python-build-standalone's is /install), and where its tarball has it. /usr is left: it
// names the build machine's own tools as well.
func (r runtimeRecipe) moves(store *layers.Store) ([]move, error) {
	if r.From == r.To {
		return nil, nil
	}
	report, err := cpython.Read(store.Entries(r.Source))
	if err != nil {
		return nil, err
	}
	prefixes := []string{"/" + r.From}
	if report.Python != nil {
		prefixes = append(prefixes, path.Clean(report.Python.Prefix))
	}
	var ms []move
	for _, from := range prefixes {
		m := move{from, "/" + r.To}
		if path.IsAbs(from) && from != "/" && from != "/usr" && from != m.To && !slices.Contains(ms, m) {
			ms = append(ms, m)
		}
	}
	return ms, nil
}

// contents returns what changes the file at a path of the image: the paths in what sysconfig, pkg-config and builds of
// extension modules read, and in scripts. It is nil where nothing changes.
func (r runtimeRecipe) contents(ctx context.Context, tarball layers.Source, store *layers.Store) (layers.ContentEdit, error) {
	if len(r.Moves) == 0 {
		return nil, nil
	}
	if _, err := store.Learn(ctx, tarball); err != nil {
		return nil, err
	}
	change := func(old []byte) []byte { return []byte(relocate(string(old), r.Moves)) }
	texts := make(map[string]bool)
	for e, err := range store.Entries(r.Source) {
		if err != nil {
			return nil, err
		}
		name, ok := remap(e.Header.Name, r.From, r.To)
		rest, below := strings.CutPrefix(name, prefixed(r.To))
		if ok && below && namesPrefix(rest, string(e.Kept)) {
			texts[name] = true
		}
	}
	return func(p string) func([]byte) []byte {
		if texts[p] {
			return change
		}
		return nil
	}, nil
}

// namesPrefix tells the files of a CPython that name its prefix, by their path below it; kept is a script's #! line.
func namesPrefix(p, kept string) bool {
	dir, base := path.Split(p)
	switch {
	case dir == "bin/":
		return strings.HasPrefix(kept, "#!")
	case dir == "lib/pkgconfig/":
		return strings.HasSuffix(base, ".pc")
	case strings.HasPrefix(base, "_sysconfigdata"):
		return strings.HasSuffix(base, ".py")
	case strings.HasPrefix(base, "_sysconfig_vars"):
		return strings.HasSuffix(base, ".json")
	}
	return strings.Contains(dir, "/config-3.") && (base == "Makefile" || base == "python-config.py")
}

// relocate replaces the prefixes where one is a whole path or begins it: in "/install/bin" and "-I/install/include", not in
// "/usr/bin/install" or "/installer".
func relocate(s string, moves []move) string {
	var b strings.Builder
	for done := 0; ; {
		at, m := len(s), move{}
		for _, c := range moves {
			if i := strings.Index(s[done:], c.From); i >= 0 && done+i < at {
				at, m = done+i, c
			}
		}
		b.WriteString(s[done:at])
		if at == len(s) {
			return b.String()
		}
		done = at + len(m.From)
		if begins(s[:at]) && ends(s[done:]) {
			b.WriteString(m.To)
		} else {
			b.WriteString(m.From)
		}
	}
}

// begins tells whether an absolute path may begin behind before: not within another path or word, but behind -I and -L.
func begins(before string) bool {
	if before == "" || !inPath(before[len(before)-1]) {
		return true
	}
	flag := strings.TrimSuffix(strings.TrimSuffix(before, "-I"), "-L")
	return flag != before && (flag == "" || !inPath(flag[len(flag)-1]))
}

func ends(after string) bool { return after == "" || after[0] == '/' || !inPath(after[0]) }

func inPath(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-./+", c) >= 0 || c >= 0x80
}
