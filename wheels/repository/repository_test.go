package repository_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/version"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/repository"
)

// add adds a wheel whose only module has a content.
func add(t *testing.T, r *repository.Repository, name, v, content string, keys ...string) repository.Record {
	t.Helper()
	w := wheeltest.Wheel{Name: name, Version: v, Metadata: "Requires-Python: >=3.8,<4\n", Files: []wheeltest.File{{Name: name + ".py", Data: content}}}
	at := filepath.Join(t.TempDir(), w.Filename())
	if err := os.WriteFile(at, w.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	rec, err := r.Add(at, repository.Record{File: w.Filename(), Keys: keys, Needs: repository.Needs{So: []string{"libz.so.1"}}, Sdist: repository.Locked{Name: name}})
	if err != nil {
		t.Error(err)
	}
	return rec
}

// tree is all files of a folder but the lock, with their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(at string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == ".lock" {
			return err
		}
		data, err := os.ReadFile(at)
		below, _ := filepath.Rel(dir, at)
		out[below] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestIndexIsReadAsPipReadsIt(t *testing.T) {
	t.Parallel()
	r := repository.Open(t.TempDir())
	rec := add(t, r, "foo", "1.0", "a")
	add(t, r, "foo", "2.0", "b")
	v, err := version.Parse("2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Yank("foo", v, "it <breaks>", false); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Publish(nil); err != nil {
		t.Fatal(err)
	}
	f, err := index.OpenFolder(r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	files, found, err := f.Project(t.Context(), "Foo")
	if err != nil || !found || len(files) != 2 {
		t.Fatalf("%d files, %v, %v", len(files), found, err)
	}
	one := files[0]
	if one.Hashes["sha256"] != rec.SHA256 || one.MetadataHashes["sha256"] != rec.Metadata || !one.Metadata || one.RequiresPython.String() != ">=3.8,<4" || one.Yanked || !files[1].Yanked {
		t.Errorf("the index has %+v", files)
	}
	if data, err := os.ReadFile(one.Path + ".metadata"); err != nil || !strings.Contains(string(data), "Name: foo") {
		t.Errorf("its metadata: %q, %v", data, err)
	}
	needs := repository.Needs{}
	if data, err := os.ReadFile(one.Path + ".needs.json"); err != nil || json.Unmarshal(data, &needs) != nil || !slices.Equal(needs.So, []string{"libz.so.1"}) {
		t.Errorf("its needs: %+v, %v", needs, err)
	}
	if page, err := os.ReadFile(filepath.Join(r.Dir(), "simple/foo/index.html")); err != nil || !strings.Contains(string(page), "it &lt;breaks&gt;") {
		t.Errorf("the page is %s, %v", page, err)
	}
	if _, err := r.Yank("foo", v, "", true); err != nil {
		t.Error(err)
	}
	if files, _, _ := f.Project(t.Context(), "foo"); files[1].Yanked {
		t.Error("what is not yanked any more is")
	}
}

// TestManyWritersGiveTheSameIndexAsOne adds the same wheels at once and one after the other.
func TestManyWritersGiveTheSameIndexAsOne(t *testing.T) {
	t.Parallel()
	one, many := t.TempDir(), t.TempDir()
	var wg sync.WaitGroup
	const n = 12
	for i := range n {
		add(t, repository.Open(one), "p"+fmt.Sprint(i%3), fmt.Sprint(i), "x", fmt.Sprint("key", i))
		wg.Go(func() { add(t, repository.Open(many), "p"+fmt.Sprint(i%3), fmt.Sprint(i), "x", fmt.Sprint("key", i)) })
	}
	wg.Wait()
	for _, dir := range []string{one, many} {
		if _, err := repository.Open(dir).Publish(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := repository.Open(dir).Check(nil); err != nil {
			t.Error(err)
		}
	}
	a, b := tree(t, one), tree(t, many)
	for name, data := range a {
		if b[name] != data {
			t.Errorf("%s differs:\n%s\n%s", name, data, b[name])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d and %d files", len(a), len(b))
	}
}

// TestAnAddedWheelLeavesOtherFilesAlone holds that adding to an index costs what is added, however much is there.
func TestAnAddedWheelLeavesOtherFilesAlone(t *testing.T) {
	t.Parallel()
	r := repository.Open(t.TempDir())
	for n := range 20 {
		add(t, r, fmt.Sprintf("p%d", n), "1.0", "a", "k")
	}
	publish := func() {
		t.Helper()
		if _, err := r.Publish(nil); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	before := identities(t, r.Dir())
	publish()
	if changed := changes(before, identities(t, r.Dir())); len(changed) > 0 {
		t.Errorf("written again though nothing changed: %q", changed)
	}
	rec := add(t, r, "p7", "2.0", "b", "k")
	publish()
	want := []string{"manifest.json", "records/p7/" + rec.File + ".json", "simple/p7/index.html"}
	for _, end := range []string{"", ".metadata", ".needs.json"} {
		want = append(want, rec.Path()+end)
	}
	slices.Sort(want)
	if changed := changes(before, identities(t, r.Dir())); !slices.Equal(changed, want) {
		t.Errorf("written are %q, want %q", changed, want)
	}
}

// identities are those of all files of a folder but the lock: a file that is written anew is another one.
func identities(t *testing.T, dir string) map[string]os.FileInfo {
	t.Helper()
	out := make(map[string]os.FileInfo)
	for below := range tree(t, dir) {
		info, err := os.Stat(filepath.Join(dir, below))
		if err != nil {
			t.Fatal(err)
		}
		out[below] = info
	}
	return out
}

func changes(before, after map[string]os.FileInfo) (names []string) {
	for name, info := range after {
		if old := before[name]; old == nil || !os.SameFile(old, info) || !old.ModTime().Equal(info.ModTime()) {
			names = append(names, filepath.ToSlash(name))
		}
	}
	slices.Sort(names)
	return names
}

func TestWheelThatIsBuiltAnewKeepsTheOldFile(t *testing.T) {
	t.Parallel()
	r := repository.Open(t.TempDir())
	old := add(t, r, "foo", "1.0", "a", "k1")
	now := add(t, r, "foo", "1.0", "b", "k2")
	if _, err := os.Stat(r.Path(old)); err != nil {
		t.Errorf("who reads the index at this moment misses the old wheel: %v", err)
	}
	records, err := r.Records()
	if err != nil || len(records) != 1 || records[0].SHA256 != now.SHA256 || !slices.Equal(records[0].Keys, []string{"k2"}) {
		t.Errorf("records %+v, %v", records, err)
	}
	if again := add(t, r, "foo", "1.0", "b", "k3"); !slices.Equal(mustRecord(t, r, again.File).Keys, []string{"k2", "k3"}) {
		t.Errorf("keys are %v, want both", mustRecord(t, r, again.File).Keys)
	}
}

func mustRecord(t *testing.T, r *repository.Repository, file string) repository.Record {
	t.Helper()
	rec, err := r.Record(file)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestCheckFindsEveryChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(dir string, rec repository.Record) string{
		"wheel":    func(_ string, rec repository.Record) string { return rec.Path() },
		"metadata": func(_ string, rec repository.Record) string { return rec.Path() + ".metadata" },
		"needs":    func(_ string, rec repository.Record) string { return rec.Path() + ".needs.json" },
		"page":     func(string, repository.Record) string { return "simple/foo/index.html" },
		"projects": func(string, repository.Record) string { return "simple/index.html" },
	} {
		r := repository.Open(t.TempDir())
		rec := add(t, r, "foo", "1.0", "a")
		if _, err := r.Publish(nil); err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(r.Dir(), change(r.Dir(), rec))
		data, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(at, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Check(nil); !errors.As(err, new(*repository.DamageError)) || exit.Of(err) != exit.Unverified {
			t.Errorf("%s is changed: error %v", name, err)
		}
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	r := repository.Open(t.TempDir())
	add(t, r, "foo", "1.0", "a")
	sign := func(m []byte) ([]byte, error) { return append([]byte("signed "), m...), nil }
	verify := func(m, s []byte) error {
		if string(s) != "signed "+string(m) {
			return errors.New("it is not signed")
		}
		return nil
	}
	if _, err := r.Publish(sign); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Check(verify); err != nil {
		t.Error(err)
	}
	if _, err := r.Publish(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Check(verify); err != nil {
		t.Errorf("nothing changed, and the signature is gone: %v", err)
	}
	add(t, r, "foo", "2.0", "a")
	if _, err := r.Check(verify); err == nil || !strings.Contains(err.Error(), "pyimg wheels index") {
		t.Errorf("the manifest is old: error %v", err)
	}
	if _, err := r.Publish(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Check(verify); exit.Of(err) != exit.Unverified {
		t.Errorf("the signature is gone: error %v", err)
	}
}

// TestManifestThatCannotBeWritten: the signature stays that of the manifest that is there, as on a full disk.
func TestManifestThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := repository.Open(dir)
	add(t, r, "foo", "1.0", "a")
	if _, err := r.Publish(func([]byte) ([]byte, error) { return []byte("first"), nil }); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, repository.ManifestName)
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(manifest, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Publish(func([]byte) ([]byte, error) { return []byte("second"), nil }); err == nil {
		t.Error("a manifest was written over a folder")
	}
	if got, err := os.ReadFile(filepath.Join(dir, repository.SignatureName)); err != nil || string(got) != "first" {
		t.Errorf("the signature is %q, %v, of a manifest that was not written", got, err)
	}
}

// TestSignatureThatCannotBeWritten: the manifest stays that of the signature. A folder in its place stands for what cannot be replaced.
func TestSignatureThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := repository.Open(dir)
	add(t, r, "foo", "1.0", "a")
	if _, err := r.Publish(nil); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)[repository.ManifestName]
	if err := os.Mkdir(filepath.Join(dir, repository.SignatureName), 0o700); err != nil {
		t.Fatal(err)
	}
	add(t, r, "foo", "2.0", "a")
	if _, err := r.Publish(func([]byte) ([]byte, error) { return []byte("second"), nil }); err == nil {
		t.Error("a signature was written over a folder")
	}
	after := tree(t, dir)
	if after[repository.ManifestName] != before {
		t.Errorf("the manifest is new, and its signature could not be written: %s", after[repository.ManifestName])
	}
	for name := range after {
		if strings.Contains(name, ".pyimg-") {
			t.Errorf("the temporary file %s is left", name)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	r := repository.Open(t.TempDir())
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("x.c:1: error"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := repository.Failure{Project: "foo", Version: "1!2+x", Python: "cp313", Platform: "linux/arm/v7", Key: "k", Reason: "r"}
	var err error
	if f.Log, err = r.KeepLog(f, log); err != nil {
		t.Fatal(err)
	}
	if err := r.SetFailure(f); err != nil {
		t.Fatal(err)
	}
	found, err := r.Failures()
	if err != nil || len(found) != 1 || found[0] != f {
		t.Errorf("failures %+v, %v, want %+v", found, err, f)
	}
	if data, err := os.ReadFile(filepath.Join(r.Dir(), f.Log)); err != nil || string(data) != "x.c:1: error" {
		t.Errorf("log %q, %v", data, err)
	}
	if err := r.ClearFailure(f); err != nil {
		t.Error(err)
	}
	if found, _ := r.Failures(); len(found) != 0 {
		t.Errorf("failures %+v after they were cleared", found)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"version":1,"wheels":[{"file":"a-1-py3-none-any.whl","sha256":"00","size":1}],"pages":{"simple/index.html":""}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := repository.ParseManifest(text)
		for _, w := range m.Wheels {
			if err == nil && (strings.Contains(w.File, "/") || len(w.SHA256) != 64) {
				t.Errorf("took %+v", w)
			}
		}
	})
}

// TestStatusPageLinksWhatIsThere has a package of which every build failed: the index has no page of it.
func TestStatusPageLinksWhatIsThere(t *testing.T) {
	t.Parallel()
	r := repository.Open(t.TempDir())
	add(t, r, "good", "1.0", "a", "k")
	if err := r.SetFailure(repository.Failure{Project: "bad", Version: "1.0", Python: "cp313", Platform: "linux/amd64", Reason: "<x>.c:1: error"}); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteStatus(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(r.Dir(), repository.StatusName))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, want := range []string{`<a href="simple/good/index.html">good</a>`, `<td>bad</td>`, `<span class="failed">cp313 failed</span>`, `&lt;x&gt;.c:1: error`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
	if strings.Contains(page, "simple/bad") {
		t.Errorf("a link leads to a page that is not there: %s", page)
	}
}
