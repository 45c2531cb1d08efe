package build_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/build"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/download"
	"github.com/pyimg/pyimg/wheels/pep517"
	"github.com/pyimg/pyimg/wheels/plan"
	"github.com/pyimg/pyimg/wheels/repository"
)

// TestMain lets the sandbox start this program again.
func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

// house is an index, a folder of sdists, and a builder whose Python answers what a test says, in place of the driver.
type house struct {
	t      *testing.T
	dir    string
	store  *layers.Store
	index  *repository.Repository
	config config.Config
	jobs   int // builds at once; 0 is one

	mu      sync.Mutex
	answers map[string][]string // by project, one for each time that it is built; the last one stays
	began   []string            // projects, as often as they were built
	onBegin func(project string)
}

const machine = "x86_64" // The wheels are for it. The stand-in for Python runs on any machine.

func newHouse(t *testing.T, projects ...string) *house {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the stand-ins start on Linux, on amd64 and arm64")
	}
	_, able := sandbox.Run(t.Context(), sandbox.Command{Lower: []string{t.TempDir()}, Args: []string{"/nothing"}})
	if !errors.As(able, new(*sandbox.StartError)) {
		t.Skipf("this machine allows neither namespaces nor a chroot: %v", able)
	}
	h := &house{t: t, dir: t.TempDir(), answers: make(map[string][]string)}
	var err error
	if h.store, err = layers.OpenStore(filepath.Join(h.dir, "cache")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.store.Close() })
	h.index = repository.Open(filepath.Join(h.dir, "index"))
	h.config = config.Config{Packages: make(map[string]*config.Package), Wanted: config.Wanted{Packages: projects}, Limits: config.Limits{Tries: 1}}
	for _, p := range projects {
		// A package of its own lets the builder know whom the root is for.
		h.config.Packages[p] = &config.Package{Packages: []apk.Dependency{{Name: p}}}
		sdist := fixture.Tarball{Verbatim: true, Files: []fixture.File{
			{Path: p + "-1.0/PKG-INFO", Body: []byte("Metadata-Version: 2.1\nName: " + p + "\nVersion: 1.0\n")},
			{Path: p + "-1.0/pyproject.toml", Body: []byte("[build-system]\nrequires = []\nbuild-backend = \"b\"\n")},
		}}
		h.write("sdists/"+p+"-1.0.tar.gz", sdist.Bytes(), 0o600)
		h.answers[p] = []string{wheelOf(p)}
	}
	return h
}

func (h *house) write(name string, data []byte, mode os.FileMode) {
	h.t.Helper()
	at := filepath.Join(h.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, data, mode)); err != nil { //nolint:gosec // the sandbox is another user
		h.t.Fatal(err)
	}
}

// wheelOf is the driver's answer with a wheel.
func wheelOf(project string) string {
	w := wheeltest.Wheel{Name: project, Files: []wheeltest.File{{Name: project + ".py", Data: "value = 1\n"}}}
	return fmt.Sprintf("{\"wheel\":%q,\"size\":%d}\n%s", w.Filename(), len(w.Bytes()), w.Bytes())
}

const broken = `{"error":"ValueError: it is broken"}`

// Root is a root whose Python gives the next answer.
func (h *house) Root(_ context.Context, _ int, extra []apk.Dependency) (pep517.Root, pep517.Target, error) {
	project := extra[0].Name
	h.mu.Lock()
	h.began = append(h.began, project)
	answer := h.answers[project][0]
	if len(h.answers[project]) > 1 {
		h.answers[project] = h.answers[project][1:]
	}
	name := fmt.Sprint("root", len(h.began))
	h.mu.Unlock()
	if h.onBegin != nil {
		h.onBegin(project)
	}
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	h.write(name+"/usr/local/bin/python3.13", fixture.ELF{Arch: arch, Static: true, Code: prints(answer)}.Bytes(), 0o755)
	return pep517.Root{Lower: []string{filepath.Join(h.dir, name)}, Python: "/usr/local/bin/python3.13"}, pep517.Target{}, nil
}

// prints is machine code that writes a text to stdout and ends: write(1, text, n), exit_group(0).
func prints(text string) []byte {
	n := uint32(len(text))
	var code []byte
	if runtime.GOARCH == "arm64" {
		for _, word := range []uint32{0xd2800020, 0x100000e1, 0xd2800002 | n<<5, 0xd2800808, 0xd4000001, 0xd2800000, 0xd2800bc8, 0xd4000001} {
			code = binary.LittleEndian.AppendUint32(code, word)
		}
		return append(code, text...)
	}
	code = []byte{0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x48, 0x8d, 0x35, 16, 0, 0, 0, 0xba}
	code = binary.LittleEndian.AppendUint32(code, n)
	code = append(code, 0x0f, 0x05, 0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05)
	return append(code, text...)
}

func (h *house) Provides(context.Context, int, []string) (string, []repository.Alpine, error) {
	return "v3.20", nil, nil
}

func (h *house) Expand(_ int, value string) string { return value }

// run plans and builds, as a process of its own would. The results are by project.
func (h *house) run(ctx context.Context, retry bool) (map[string]build.Result, error) {
	h.t.Helper()
	made, err := target.New("linux/amd64", target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: machine})
	if err != nil {
		h.t.Fatal(err)
	}
	records, err := h.index.Records()
	if err != nil {
		h.t.Fatal(err)
	}
	failures, err := h.index.Failures()
	if err != nil {
		h.t.Fatal(err)
	}
	d := download.New(input.Access{Store: h.store}, nil)
	sdists, err := plan.OpenFolder(ctx, filepath.Join(h.dir, "sdists"), d)
	if err != nil {
		h.t.Fatal(err)
	}
	built := build.NewBuilt(h.index, records)
	o := plan.Options{Config: h.config, Targets: []plan.Target{{Platform: "linux/amd64", Target: made, Wanted: true, Python: "cp313"}}, Download: d, Records: records,
		Failures: make(map[string]repository.Failure), Sources: []plan.Source{{Lister: sdists, Name: "sdists"}}, Built: built.Wheel,
		Root: func(context.Context, int, []apk.Dependency) (string, error) { return "root", nil }}
	for _, f := range failures {
		o.Failures[f.Key] = f
	}
	planner := plan.NewPlanner(o)
	p, err := planner.Make(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	work := h.t.TempDir()
	if err := os.Chmod(work, 0o755); err != nil { //nolint:gosec // the sandbox is another user
		h.t.Fatal(err)
	}
	results, err := build.Run(ctx, p, built, build.Options{Config: h.config, Planner: planner, Roots: h, Index: h.index, Download: d, Folders: h.store, Work: work, Jobs: max(h.jobs, 1),
		Limits: sandbox.Limits{Time: time.Minute}, Retry: retry})
	out := make(map[string]build.Result)
	for _, r := range results {
		out[r.Item.Project] = r
	}
	return out, err
}

// builds runs and says which projects were built by that.
func (h *house) builds(retry bool) (map[string]build.Result, []string) {
	h.t.Helper()
	h.began = nil
	results, err := h.run(h.t.Context(), retry)
	if err != nil {
		h.t.Fatal(err)
	}
	return results, h.began
}

func (h *house) wheels() []string {
	h.t.Helper()
	records, err := h.index.Records()
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, r := range records {
		if _, err := os.Stat(filepath.Join(h.index.Dir(), filepath.FromSlash(r.Path()))); err != nil {
			h.t.Error(err)
		}
		out = append(out, r.File)
	}
	return out
}

// TestRun builds what is missing, once. What fails is noted with its reason and its log, and is not tried again unless asked for.
func TestRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "bad", "demo", "liar", "older")
	h.answers["bad"] = []string{broken}
	h.answers["liar"] = []string{wheelOf("demo")}
	h.answers["older"] = []string{strings.Replace(wheelOf("older"), "older-1.0", "older-0.9", 1)}
	results, began := h.builds(false)
	if want := []string{"bad", "demo", "liar", "older"}; !slices.Equal(began, want) {
		t.Errorf("built were %q, want %q", began, want)
	}
	if r := results["demo"]; !r.Built || r.Failed() || r.Wheel != "demo-1.0-py3-none-any.whl" {
		t.Errorf("demo: %+v", r)
	}
	for project, want := range map[string]string{"bad": "ValueError: it is broken", "liar": "expected a wheel of liar 1.0", "older": "older"} {
		r := results[project]
		if r.Built || !r.Failed() || !strings.Contains(r.Reason, want) {
			t.Errorf("%s: %+v, want the reason %q", project, r, want)
		}
		log, err := os.ReadFile(filepath.Join(h.index.Dir(), filepath.FromSlash(r.Log)))
		if err != nil || !strings.Contains(string(log), "pyimg: ") {
			t.Errorf("%s: its log is %q, %v", project, log, err)
		}
	}
	if got := h.wheels(); !slices.Equal(got, []string{"demo-1.0-py3-none-any.whl"}) {
		t.Errorf("the index has %q", got)
	}

	again, began := h.builds(false)
	if len(began) > 0 || again["bad"].Reason != results["bad"].Reason || again["bad"].Log == "" {
		t.Errorf("a second run built %q, and says of what failed: %+v", began, again["bad"])
	}
	h.answers["bad"] = []string{wheelOf("bad")}
	results, began = h.builds(true)
	if !slices.Equal(began, []string{"bad", "liar", "older"}) || !results["bad"].Built {
		t.Errorf("tried again were %q: %+v", began, results["bad"])
	}
	if failures, err := h.index.Failures(); err != nil || len(failures) != 2 {
		t.Errorf("noted are %+v, %v", failures, err)
	}
}

// TestSeveralAtOnce builds several at once, of which some fail: the index has the others, as after one at a time.
func TestSeveralAtOnce(t *testing.T) {
	t.Parallel()
	var projects []string
	for i := range 8 {
		projects = append(projects, fmt.Sprintf("demo%d", i))
	}
	h := newHouse(t, projects...)
	h.jobs = 4
	h.answers["demo3"], h.answers["demo6"] = []string{broken}, []string{broken}
	results, began := h.builds(false)
	slices.Sort(began)
	if !slices.Equal(began, projects) {
		t.Errorf("built were %q, want each once", began)
	}
	var want []string
	for _, p := range projects {
		r, fails := results[p], p == "demo3" || p == "demo6"
		if r.Failed() != fails || r.Built == fails {
			t.Errorf("%s: %+v", p, r)
		}
		if !fails {
			want = append(want, p+"-1.0-py3-none-any.whl")
		}
	}
	got := h.wheels()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the index has %q, want %q", got, want)
	}
	if failures, err := h.index.Failures(); err != nil || len(failures) != 2 {
		t.Errorf("noted are %+v, %v; want two", failures, err)
	}
}

// TestTries builds again what fails, as often as the configuration says.
func TestTries(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "bad", "shaky")
	h.config.Limits.Tries = 3
	h.answers["shaky"] = []string{broken, broken, wheelOf("shaky")}
	h.answers["bad"] = []string{broken}
	results, began := h.builds(false)
	if want := []string{"bad", "bad", "bad", "shaky", "shaky", "shaky"}; !slices.Equal(began, want) || !results["shaky"].Built || !results["bad"].Failed() {
		t.Errorf("built were %q: %+v", began, results)
	}
	if failures, err := h.index.Failures(); err != nil || len(failures) != 1 || failures[0].Tries != 3 {
		t.Errorf("noted are %+v, %v", failures, err)
	}
}

// TestInterrupted: what was built before a run ended is in the index, and the next run builds only the rest.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "one", "two", "three")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.onBegin = func(project string) {
		if project == "three" { // the second one, by name
			cancel()
		}
	}
	if _, err := h.run(ctx, false); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that is cancelled says %v", err)
	}
	if got := h.wheels(); !slices.Equal(got, []string{"one-1.0-py3-none-any.whl"}) {
		t.Errorf("the index has %q", got)
	}
	if failures, err := h.index.Failures(); err != nil || len(failures) > 0 {
		t.Errorf("what was cancelled is noted as a failure: %+v, %v", failures, err)
	}
	h.onBegin = nil
	if _, began := h.builds(false); !slices.Equal(began, []string{"three", "two"}) {
		t.Errorf("the next run built %q", began)
	}
	if _, began := h.builds(false); len(began) > 0 {
		t.Errorf("the last run built %q", began)
	}
}

// TestOlderWheelStays: a build that fails takes nothing from the index.
func TestOlderWheelStays(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "demo")
	h.builds(false)
	h.config.Packages["demo"].Env = map[string]string{"NEW": "1"} // another key
	h.answers["demo"] = []string{broken}
	results, began := h.builds(false)
	if !slices.Equal(began, []string{"demo"}) || results["demo"].Built || results["demo"].Reason == "" {
		t.Errorf("built were %q: %+v", began, results["demo"])
	}
	if got := h.wheels(); !slices.Equal(got, []string{"demo-1.0-py3-none-any.whl"}) {
		t.Errorf("the index has %q", got)
	}
}
