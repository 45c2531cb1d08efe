package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pyimg/pyimg/"

// isEverywhere reports whether any room may import path: exit codes, which errors name, the error for other bytes than were
// asked for, and versions, which bytes have.
func isEverywhere(path string) bool {
	return path == "internal/exit" || path == "internal/mismatch" || path == "internal/versions"
}

// TestRoomsImportOnlyWhatTheyMay keeps data flowing one way, see docs/ARCHITECTURE.md.
func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	may := map[string][]string{
		"apk":                           {"apk", "internal/redact", "internal/regular", "internal/rootpath", "internal/near"},
		"layers":                        {"internal/scratch", "layers", "internal/inflate", "internal/regular", "internal/rootpath"},
		"push":                          {"push", "internal/atomicfile", "internal/imageindex", "internal/memo", "internal/patience", "internal/redact", "internal/registryurl", "internal/regular", "internal/termtext"},
		"push/auth":                     {"internal/regular"},
		"wheel":                         {"internal/inflate", "internal/fetch", "internal/toml", "internal/redact", "internal/regular"},
		"assemble":                      {"apk", "layers", "wheel", "sbom", "internal/fetch", "internal/glob", "internal/memo", "internal/passwd", "internal/rootpath", "internal/atomicfile", "internal/imageindex", "internal/redact", "internal/regular", "internal/scratch", "internal/near", "internal/registryurl", "internal/serve", "internal/strictyaml", "internal/template", "internal/termtext", "internal/toml"},
		"wheels":                        {"apk", "layers", "wheel", "assemble", "push/oci", "push/remote", "internal/atomicfile", "internal/patience", "internal/redact", "internal/registryurl", "internal/regular", "internal/sandbox", "internal/scratch", "internal/serve", "internal/strictyaml", "internal/termtext"},
		"cmd/pyimg/internal/wheelhouse": {"apk", "assemble", "cmd/pyimg/internal/flags", "cmd/pyimg/internal/host", "cmd/pyimg/internal/rootless", "cmd/pyimg/internal/session", "internal/redact", "internal/registryurl", "internal/regular", "internal/sandbox", "internal/scratch", "layers/local", "push/artifact", "push/oci", "sigstore", "wheel", "wheels"},
		"recipe":                        {"internal/atomicfile", "internal/near", "internal/regular", "internal/sandbox", "internal/strictyaml", "sbom", "wheel/version"},
		"cmd/pyimg/internal/buildroot":  {"assemble", "cmd/pyimg/internal/flags", "cmd/pyimg/internal/rootless", "cmd/pyimg/internal/session", "recipe/build"},
		"cmd/pyimg/internal/ci":         {"internal/termtext", "push"},
		"cmd/pyimg/internal/cmdline":    {"internal/near"},
		"cmd/pyimg/internal/console":    {"internal/atomicfile", "internal/progress", "internal/redact", "internal/termtext"},
		"cmd/pyimg/internal/flags":      {"apk", "assemble/spec", "push"},
		"cmd/pyimg/internal/rootless":   {"assemble/container", "assemble/input", "internal/sandbox", "layers"},
		"cmd/pyimg/internal/session": {"attest", "sigstore", "apk", "layers", "assemble", "push", "cmd/pyimg/internal/console", "cmd/pyimg/internal/flags", "cmd/pyimg/internal/rootless",
			"internal/fetch", "internal/memo", "internal/near", "internal/progress", "internal/redact", "internal/registryurl", "internal/regular", "internal/scratch", "internal/termtext", "wheel/mirror"},
		"cmd/pyimg/internal/pythons": {"assemble", "benchmark", "cmd/pyimg/internal/rootless", "cmd/pyimg/internal/session",
			"internal/redact", "internal/sandbox", "internal/termtext", "push/disk"},
		"cmd/pyimg/internal/many":  {"cmd/pyimg/internal/flags", "internal/termtext"},
		"cmd/pyimg/internal/page":  {"assemble/image", "assemble/lock", "assemble/python", "internal/termtext"},
		"cmd/pyimg/internal/newer": {"assemble/lock", "internal/termtext"},
		"internal/atomicfile":      {},
		"internal/exit":            {},
		"internal/mismatch":        {},
		"internal/versions":        {},
		"internal/fetch":           {"internal/patience", "internal/redact", "internal/regular"},
		"internal/glob":            {},
		"internal/imageindex":      {},
		"internal/inflate":         {},
		"internal/memo":            {},
		"internal/patience":        {},
		"internal/registryurl":     {},
		"internal/regular":         {},
		"internal/scratch":         {},
		"internal/passwd":          {},
		"internal/redact":          {},
		"internal/rootpath":        {},
		"internal/progress":        {"internal/termtext"},
		"internal/termtext":        {},
		"internal/toml":            {},
		"internal/near":            {},
		"internal/template":        {},
		"internal/gitinfo":         {},
		"internal/sandbox":         {"internal/scratch"},
		"internal/machine":         {},
		"benchmark":                {"internal/near", "internal/regular", "internal/termtext"},
		"internal/serve":           {},
		"internal/fixture":         {},
		"sigstore":                 {},
		"attest":                   {"assemble/lock", "internal/imageindex", "internal/redact", "push", "sbom", "sigstore"},
		"sbom":                     {"internal/termtext"},
	}
	for room, allowed := range may {
		for file, imported := range imports(t, filepath.Join("..", filepath.FromSlash(room))) {
			for _, path := range imported {
				if !isEverywhere(path) && !within(path, append(allowed, room)) {
					t.Errorf("%s imports %s, which %s must not know", file, path, room)
				}
			}
		}
	}
}

// TestFoldersImportOnlyWhatTheyMay is the same for each folder of rooms that have several: what is listed is one folder, without
// those below it.
func TestFoldersImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	may := map[string][]string{
		"apk":                      {"apk/internal/table", "internal/redact", "internal/regular"},
		"apk/internal/table":       {},
		"apk/root":                 {"apk", "internal/rootpath"},
		"apk/solutions":            {"apk", "apk/solve"},
		"apk/solve":                {"apk", "apk/internal/table", "internal/near", "internal/redact"},
		"layers":                   {"layers/internal/cachedir", "layers/internal/compress", "layers/internal/splice", "internal/inflate", "internal/regular", "layers/elf"},
		"layers/elf":               {},
		"layers/internal/cachedir": {"internal/regular"},
		"layers/internal/compress": {"internal/inflate"},
		"layers/internal/splice":   {"internal/inflate"},
		"layers/local":             {"layers", "internal/rootpath", "internal/scratch"},
		"layers/tree":              {"layers", "internal/rootpath"},
		"layers/unpack":            {"layers", "layers/tree", "internal/rootpath"},

		"assemble/standalone":              {},
		"assemble/kept":                    {"layers", "sbom"},
		"assemble/paths":                   {"layers", "layers/tree", "assemble/lock", "assemble/spec", "internal/rootpath"},
		"assemble/certificates":            {"layers", "layers/tree", "assemble/lock"},
		"assemble/inventory":               {"apk", "layers/tree", "assemble/check", "assemble/python", "assemble/spec", "sbom", "wheel/dependency", "wheel/distinfo"},
		"assemble/spec":                    {"apk", "assemble/spec/internal/extension", "assemble/standalone", "internal/glob", "internal/near", "internal/redact", "internal/registryurl", "internal/regular", "internal/strictyaml", "internal/template", "sbom"},
		"assemble/spec/internal/extension": {"internal/regular", "internal/strictyaml"},
		"assemble/lock":                    {"apk", "apk/root", "layers", "sbom", "assemble/spec", "internal/atomicfile", "internal/regular"},
		"assemble/python":                  {"layers", "sbom"},
		"assemble/draft": {"assemble/draft/apko", "assemble/draft/debian", "assemble/draft/dockerfile", "assemble/draft/pyproject", "assemble/draft/shell", "assemble/draft/specfile",
			"assemble/spec", "internal/glob", "internal/redact", "internal/strictyaml", "wheel/dependency", "wheel/pylock", "wheel/requirements", "wheel/target", "wheel/version"},
		"assemble/draft/apko":       {"internal/strictyaml"},
		"assemble/draft/debian":     {},
		"assemble/draft/dockerfile": {},
		"assemble/draft/pyproject":  {"internal/toml"},
		"assemble/draft/shell":      {},
		"assemble/draft/specfile":   {},
		"assemble/bytecode":         {"layers"},
		"assemble/loader":           {"layers", "layers/tree"},
		"assemble/check":            {"assemble/loader", "internal/passwd", "internal/rootpath", "apk/root", "layers", "layers/elf", "layers/tree", "assemble/python", "wheel/dependency", "wheel/distinfo"},
		"assemble/input":            {"layers", "layers/local", "assemble/spec", "internal/fetch", "internal/memo", "wheel/mirror", "wheel/source"},
		"assemble/runtime": {"layers", "layers/local", "assemble/check", "assemble/loader", "assemble/input", "assemble/lock", "assemble/python", "assemble/spec", "assemble/standalone", "sbom",
			"internal/glob", "internal/memo", "internal/redact", "internal/rootpath"},
		"assemble/image": {"apk/root", "layers", "layers/tree", "sbom", "assemble/check", "assemble/inventory", "assemble/lock", "assemble/python", "assemble/spec", "internal/imageindex", "internal/rootpath", "internal/termtext",
			"wheel/dependency", "wheel/distinfo", "wheel/install", "wheel/target"},
		"assemble/base":              {"apk", "apk/root", "apk/solve", "layers", "layers/tree", "assemble/input", "assemble/lock", "assemble/python", "assemble/spec"},
		"assemble/container":         {"layers", "layers/unpack", "internal/passwd"},
		"assemble/hostfiles":         {"assemble/certificates", "assemble/paths", "layers", "layers/local", "layers/tree", "assemble/input", "assemble/lock", "assemble/spec", "internal/glob", "internal/rootpath"},
		"assemble/ingest":            {"apk", "apk/root", "layers", "assemble/input", "internal/memo", "internal/redact"},
		"assemble/internal/accounts": {"assemble/spec"},
		"assemble/internal/early":    {"layers", "assemble/lock"},
		"assemble/internal/cut":      {"apk", "apk/root", "layers", "assemble/ingest", "assemble/lock", "assemble/spec", "internal/glob", "internal/rootpath"},
		"assemble/internal/meta": {"apk", "apk/root", "layers", "layers/tree", "assemble/internal/accounts", "assemble/lock", "assemble/spec",
			"internal/glob", "internal/rootpath"},
		"assemble": {"apk", "apk/root", "apk/solutions", "apk/solve", "layers", "layers/tree", "sbom", "assemble/base", "assemble/bytecode", "assemble/certificates", "assemble/paths", "assemble/inventory", "wheel/dependency", "assemble/check", "assemble/hostfiles", "assemble/ingest",
			"assemble/internal/accounts", "assemble/internal/cut", "assemble/internal/early", "assemble/internal/meta", "assemble/input", "assemble/lock", "assemble/python", "assemble/runtime", "assemble/spec", "assemble/wheels",
			"wheel/distinfo", "wheel/index", "wheel/source", "wheel/tag",
			"internal/glob", "internal/memo", "internal/redact", "internal/rootpath"},
		"assemble/bundle/manifest": {"apk", "assemble/spec"},
		"assemble/bundle/supply":   {"assemble/bundle/manifest", "wheel/dependency", "wheel/index", "wheel/sdist", "wheel/source", "wheel/tag", "wheel/version"},
		"assemble/bundle": {"apk", "layers", "layers/local", "assemble", "assemble/bundle/manifest", "assemble/bundle/supply", "assemble/hostfiles", "assemble/input", "assemble/lock", "assemble/spec", "assemble/wheels",
			"wheel/source", "wheel/tag", "internal/redact", "internal/regular", "internal/serve"},
		"assemble/bundle/folder": {"assemble/bundle", "assemble/bundle/manifest", "internal/atomicfile", "internal/regular"},
		"assemble/bundle/create": {"apk", "layers", "assemble", "assemble/bundle", "assemble/bundle/folder", "assemble/bundle/manifest", "assemble/hostfiles", "assemble/ingest", "assemble/input", "assemble/lock", "assemble/spec",
			"assemble/wheels", "internal/atomicfile", "internal/redact", "internal/regular", "internal/scratch"},

		"assemble/wheels/artifact": {"internal/registryurl", "wheel/dependency", "wheel/distinfo", "wheel/index", "wheel/source", "wheel/tag", "wheel/version"},
		"assemble/wheels": {"layers", "layers/local", "assemble/input", "assemble/lock", "assemble/python", "assemble/spec", "assemble/wheels/artifact", "internal/fetch", "internal/memo", "internal/redact",
			"internal/registryurl", "internal/regular", "internal/termtext",
			"wheel", "wheel/archive", "wheel/dependency", "wheel/distinfo", "wheel/index", "wheel/install", "wheel/mirror", "wheel/pylock", "wheel/requirements", "wheel/source", "wheel/tag", "wheel/target", "wheel/version"},

		"push":          {"internal/patience", "push/disk", "push/oci", "push/remote"},
		"push/artifact": {"internal/memo", "internal/registryurl", "push", "push/remote"},
		"push/auth":     {"internal/regular"},
		"push/disk":     {"internal/atomicfile", "internal/patience", "internal/regular", "push/oci"},
		"push/remote":   {"internal/memo", "internal/patience", "internal/redact", "internal/regular", "push/auth", "push/oci"},
		"push/oci":      {"internal/imageindex"},

		"recipe":       {"internal/near", "internal/regular", "internal/strictyaml", "wheel/version"},
		"recipe/build": {"internal/atomicfile", "internal/sandbox", "recipe", "sbom"},

		"benchmark":          {"benchmark/results", "benchmark/workload"},
		"benchmark/report":   {"benchmark/results", "benchmark/stats", "internal/termtext"},
		"benchmark/results":  {"internal/termtext"},
		"benchmark/stats":    {},
		"benchmark/workload": {"internal/near", "internal/regular", "internal/termtext"},
	}
	for _, room := range []string{"apk", "layers", "assemble", "push", "recipe", "benchmark"} {
		for file, imported := range imports(t, filepath.Join("..", room)) {
			folder := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(file), ".."+string(filepath.Separator)))
			allowed, listed := may[folder]
			if !listed {
				t.Errorf("%s is in the folder %s, for which this test does not list what it may import", file, folder)
			}
			for _, path := range imported {
				if listed && !isEverywhere(path) && !slices.Contains(allowed, path) {
					t.Errorf("%s imports %s, which %s must not know", file, path, folder)
				}
			}
		}
	}
}

func within(path string, rooms []string) bool {
	for _, r := range rooms {
		if path == r || strings.HasPrefix(path, r+"/") {
			return true
		}
	}
	return false
}

// imports are the project's own packages that the files below dir import, tests left out.
func imports(t *testing.T, dir string) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if own, ok := strings.CutPrefix(path, module); ok {
				found[name] = append(found[name], own)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
