package e2e_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// dbDir is apk's installed database.
const dbDir = "lib/apk/db/"

// referenceWorld is what the recorded roots were made of.
func referenceWorld() []string {
	return []string{"alpine-baselayout", "alpine-keys", "apk-tools", "busybox", "libc-utils"}
}

// A recording is a root as real apk made it, with its database.
type recording struct {
	Exit int      `json:"exit"`
	Log  []string `json:"log"`
	Tree []node   `json:"tree"`
	DB   struct {
		Installed string `json:"installed"`
		Triggers  string `json:"triggers"`
		World     string `json:"world"`
		Scripts   struct {
			SHA256 string `json:"sha256"`
		} `json:"scripts.tar"`
	} `json:"db"`
}

// A root is what an unpacked image is compared with: its tree without the
// database, and the database file by file.
type root struct {
	tree tree
	db   map[string]string
}

// reference is the recorded root of an architecture, as the two generations of
// apk make it, with the links that busybox's trigger would add.
func (s shared) reference(t testing.TB, p platform, dialect int) root {
	t.Helper()
	old := s.path("alpine-mirror", "reference", p.alpine+".noscripts")
	var nodes []node
	readJSON(t, old+".mtree.json", &nodes)
	r := root{recordedTree(nodes), map[string]string{
		"installed":   readFile(t, old+"-installed"),
		"triggers":    readFile(t, old+"-triggers"),
		"scripts.tar": readFile(t, old+"-scripts.tar"),
	}}
	if dialect == 3 {
		r = s.reference3(t, p, r.tree)
	}
	r.tree.addBusyboxLinks(s.busyboxPaths(t, p))
	return r
}

// reference3 is the root of apk-tools 3, whose recording leaves out what the
// container around it held: alpine-baselayout's dev and var/log are put back.
func (s shared) reference3(t testing.TB, p platform, old tree) root {
	t.Helper()
	var rec recording
	readJSON(t, s.path("alpine-mirror", "reference-apk3", p.alpine+".json"), &rec)
	r := root{recordedTree(rec.Tree), map[string]string{
		"installed":      rec.DB.Installed,
		"triggers":       rec.DB.Triggers,
		"scripts.tar.gz": gunzip(t, readFile(t, s.path("alpine-mirror", "reference-apk3", p.alpine+".scripts.tar.gz"))),
	}}
	for _, name := range []string{"dev", "dev/pts", "dev/shm", "var/log"} {
		r.tree[name] = old[name]
	}
	return r
}

// recordedTree drops what is no part of an image: device nodes, proc, which
// was mounted while it was recorded, and apk's lock and log.
func recordedTree(nodes []node) tree {
	tr := tree{}
	for _, n := range nodes {
		if n.Type != "char" {
			tr[n.Path] = n
		}
	}
	tr.drop("proc")
	tr.dropDatabase()
	return tr
}

// dropDatabase leaves the database to be compared by content, and forgets when
// apk wrote its own settings.
func (tr tree) dropDatabase() {
	maps.DeleteFunc(tr, func(p string, _ node) bool { return strings.HasPrefix(p, dbDir) })
	for _, name := range []string{"etc/apk/world", "etc/apk/arch"} {
		if n, ok := tr[name]; ok {
			n.MTime = 0
			tr[name] = n
		}
	}
}

// database takes the database out of an unpacked tree; scripts.tar.gz is
// compared inflated, since compressors differ.
func (tr tree) database(t testing.TB) map[string]string {
	t.Helper()
	db := map[string]string{}
	for name, n := range tr {
		file, ok := strings.CutPrefix(name, dbDir)
		if !ok {
			continue
		}
		if n.Type != "file" || n.Mode != "0644" || n.UID != 0 || n.GID != 0 {
			t.Errorf("%s is %v, want a file 0644 0:0", name, n)
		}
		if db[file] = n.content; strings.HasSuffix(file, ".gz") {
			db[file] = gunzip(t, n.content)
		}
	}
	return db
}

func (tr tree) addBusyboxLinks(paths []string) {
	for _, p := range paths {
		if _, ok := tr[p]; !ok {
			tr[p] = node{Path: p, Type: "link", Mode: "0777", Link: "/bin/busybox"}
		}
	}
}

// busyboxPaths reads the links that busybox's trigger makes from the package.
func (s shared) busyboxPaths(t testing.TB, p platform) []string {
	t.Helper()
	a := readAPK(t, s.path("alpine-mirror", "v3.20", "main", p.alpine, "busybox-1.36.1-r29.apk"))
	return strings.Fields(a.file(t, "etc/busybox-paths.d/busybox"))
}

// installOrder reads name=version from the log of a recorded installation.
func installOrder(log string) []string {
	var order []string
	for line := range strings.Lines(log) {
		if _, rest, ok := strings.Cut(strings.TrimSpace(line), ") Installing "); ok {
			name, version, _ := strings.Cut(strings.TrimSuffix(rest, ")"), " (")
			order = append(order, name+"="+version)
		}
	}
	return order
}

// checkRoot compares an unpacked image with what real apk made. The image may
// name its repositories, which a root made by hand does not.
func checkRoot(t *testing.T, want root, got tree) {
	t.Helper()
	db := got.database(t)
	got = maps.Clone(got)
	got.drop("proc")
	got.dropDatabase()
	if _, ok := want.tree["etc/apk/repositories"]; !ok {
		got.drop("etc/apk/repositories")
	}
	if lines := diff(want.tree, got); len(lines) > 0 {
		t.Errorf("tree differs from real apk's in %d paths:\n%s", len(lines), head(lines))
	}
	for _, name := range slices.Sorted(maps.Keys(want.db)) {
		text, ok := db[name]
		if !ok {
			t.Errorf("%s%s is missing", dbDir, name)
		} else if text != want.db[name] {
			t.Errorf("%s%s differs from real apk's:\n%s", dbDir, name, firstDifference(want.db[name], text))
		}
		delete(db, name)
	}
	for name := range db {
		t.Errorf("%s%s is unexpected", dbDir, name)
	}
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, path)), v); err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
}
