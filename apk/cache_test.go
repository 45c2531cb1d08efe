package apk_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// A memory is a Cache.
type memory struct {
	mu      sync.Mutex
	records map[string][]byte
	full    bool
}

func newMemory() *memory { return &memory{records: make(map[string][]byte)} }

func (m *memory) Record(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data, ok := m.records[key]; ok {
		return data, nil
	}
	return nil, os.ErrNotExist
}

func (m *memory) SetRecord(key string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return errors.New("no space left on device")
	}
	m.records[key] = bytes.Clone(data)
	return nil
}

// compact finds the one compact form in it.
func (m *memory) compact(t testing.TB) (key string, data []byte) {
	t.Helper()
	for k, v := range m.records {
		if !strings.HasPrefix(k, "apk-index-at-") && len(v) > 0 {
			if key != "" {
				t.Fatalf("two compact forms, %q and %q", key, k)
			}
			key, data = k, v
		}
	}
	if key == "" {
		t.Fatal("no compact form in the cache")
	}
	return key, data
}

// A server is files that are asked for by their first version's number.
type server struct {
	files
	version string
	asked   []string
}

func (s *server) OpenIf(ctx context.Context, url, validator string) (io.ReadCloser, string, error) {
	s.asked = append(s.asked, validator)
	if validator != "" && validator == s.version {
		return nil, validator, nil
	}
	r, err := s.Open(ctx, url)
	return r, s.version, err
}

const cachedAt = "http://a/x86_64/APKINDEX.tar.gz"

func cachedOptions(c apk.Cache, ring *apk.Keyring) apk.IndexOptions {
	return apk.IndexOptions{Arch: "x86_64", Keyring: ring, Cache: c, Repository: &apk.Repository{Mirrors: []string{"http://a"}}}
}

func load(t *testing.T, src apk.Opener, o apk.IndexOptions) *apk.Index {
	t.Helper()
	x, err := apk.LoadIndex(t.Context(), src, o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func packagesText(x *apk.Index) string { return fmt.Sprint(slices.Collect(x.Packages())) }

func TestLoadIndexUnchanged(t *testing.T) {
	t.Parallel()
	m, src := newMemory(), &server{files{cachedAt: buildIndex(t, fixture.Index{Description: "a test"})}, "v1", nil}
	o := cachedOptions(m, apktest.Ring(t, fixture.TestKey()))
	first := load(t, src, o)
	delete(src.files, cachedAt) // so that it cannot be read again
	second := load(t, src, o)
	ignore := cmpopts.IgnoreUnexported(apk.Package{})
	if diff := cmp.Diff(slices.Collect(first.Packages()), slices.Collect(second.Packages()), ignore); diff != "" {
		t.Errorf("packages from the cache (-read +cached):\n%s", diff)
	}
	if second.Arch != "x86_64" || second.Description != "a test" || second.Repository != o.Repository || len(second.Notes) > 0 {
		t.Errorf("index from the cache: arch %q, description %q, repository %v, notes %q",
			second.Arch, second.Description, second.Repository, second.Notes)
	}
	if diff := cmp.Diff([]string{"", "v1"}, src.asked); diff != "" {
		t.Errorf("validators asked with (-want +got):\n%s", diff)
	}
}

// TestLoadIndexChanged also has the compact form of the old index go.
func TestLoadIndexChanged(t *testing.T) {
	t.Parallel()
	m, src := newMemory(), &server{files{cachedAt: buildIndex(t, fixture.Index{})}, "v1", nil}
	o := cachedOptions(m, apktest.Ring(t, fixture.TestKey()))
	load(t, src, o)
	before, _ := m.compact(t)
	src.version = "v2"
	src.files[cachedAt] = buildIndex(t, fixture.Index{Archives: []*fixture.Archive{apktest.Build(t, fixture.Package{Name: "new", Version: "3-r0"})}})
	if got := packagesText(load(t, src, o)); got != "[new-3-r0]" {
		t.Errorf("packages %s, want the new one", got)
	}
	if after, _ := m.compact(t); after == before {
		t.Error("the old compact form is there, and not the new one")
	}
}

// TestLoadIndexWithoutValidators reads a file that nothing can be asked of: its bytes say whether it is known.
func TestLoadIndexWithoutValidators(t *testing.T) {
	t.Parallel()
	m, src := newMemory(), files{cachedAt: buildIndex(t, fixture.Index{})}
	o := cachedOptions(m, apktest.Ring(t, fixture.TestKey()))
	want := packagesText(load(t, src, o))
	key, data := m.compact(t)
	if got := packagesText(load(t, src, o)); got != want {
		t.Errorf("packages %s, want %s", got, want)
	}
	src[cachedAt] = fixture.FlipByte(src[cachedAt], -40)
	if _, err := apk.LoadIndex(t.Context(), src, o); !errors.Is(err, apk.ErrAltered) {
		t.Errorf("LoadIndex of altered bytes: %v, want %v", err, apk.ErrAltered)
	}
	if again, kept := m.compact(t); again != key || !bytes.Equal(kept, data) {
		t.Error("altered bytes changed the cache")
	}
}

// TestLoadIndexAsksTheKeyringAgain reads an index that the cache has with another keyring.
func TestLoadIndexAsksTheKeyringAgain(t *testing.T) {
	t.Parallel()
	test, other := fixture.TestKey(), fixture.OtherKey()
	both := fixture.Index{SignWith: []*fixture.Key{test, other}}
	for name, tt := range map[string]struct {
		ix            fixture.Index
		before, after *apk.Keyring
		want          error
	}{
		"another key":                    {fixture.Index{}, apktest.Ring(t, test), apktest.Ring(t, other), apk.ErrUnknownKey},
		"no key":                         {fixture.Index{}, apktest.Ring(t, test), apktest.Ring(t), apk.ErrUnknownKey},
		"nobody asked before":            {fixture.Index{}, nil, apktest.Ring(t, other), apk.ErrUnknownKey},
		"unsigned, nobody asked before":  {fixture.Index{SignWith: []*fixture.Key{}}, nil, apktest.Ring(t, test), apk.ErrNotSigned},
		"the key under another name":     {fixture.Index{}, apktest.Ring(t, test), apktest.Ring(t, test.Named("mine.pub")), nil},
		"nobody asked, now a key fits":   {fixture.Index{}, nil, apktest.Ring(t, test), nil},
		"nobody asks now":                {fixture.Index{}, apktest.Ring(t, test), nil, nil},
		"two signatures, the other key":  {both, apktest.Ring(t, test), apktest.Ring(t, other), nil},
		"two signatures, an unknown key": {both, apktest.Ring(t, test), apktest.Ring(t), apk.ErrUnknownKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, src := newMemory(), &server{files{cachedAt: buildIndex(t, tt.ix)}, "v1", nil}
			load(t, src, cachedOptions(m, tt.before))
			for range 2 { // also after the second has left its own mark
				_, err := apk.LoadIndex(t.Context(), src, cachedOptions(m, tt.after))
				if !errors.Is(err, tt.want) {
					t.Errorf("LoadIndex = %v, want %v", err, tt.want)
				}
			}
		})
	}
}

// TestLoadIndexUntrustedKeepsWhatIsVouchedFor lets a run that asks for no signature not undo what one that did has kept.
func TestLoadIndexUntrustedKeepsWhatIsVouchedFor(t *testing.T) {
	t.Parallel()
	m, src := newMemory(), &server{files{cachedAt: buildIndex(t, fixture.Index{})}, "v1", nil}
	trusting := cachedOptions(m, apktest.Ring(t, fixture.TestKey()))
	load(t, src, trusting)
	load(t, src.files, cachedOptions(m, nil))
	load(t, src, trusting) // whose validator the run before has dropped
	delete(src.files, cachedAt)
	load(t, src, trusting)
}

// TestLoadIndexOfAnotherArch has one file serve two architectures, as one that lists noarch packages can.
func TestLoadIndexOfAnotherArch(t *testing.T) {
	t.Parallel()
	raw := buildIndex(t, fixture.Index{Edit: func(s string) string { return strings.ReplaceAll(s, "A:x86_64", "A:noarch") }})
	m := newMemory()
	src := files{cachedAt: raw, "http://a/aarch64/APKINDEX.tar.gz": raw}
	o := cachedOptions(m, apktest.Ring(t, fixture.TestKey()))
	for range 2 {
		for _, arch := range []string{"x86_64", "aarch64"} {
			o.Arch = arch
			if x := load(t, src, o); x.Arch != arch || packagesText(x) != "[hello-1-r0 docs-2-r0]" {
				t.Errorf("index for %s: arch %q, packages %s", arch, x.Arch, packagesText(x))
			}
		}
	}
}

func TestLoadIndexIntoAFullCache(t *testing.T) {
	t.Parallel()
	m := newMemory()
	m.full = true
	src := files{cachedAt: buildIndex(t, fixture.Index{})}
	for range 2 {
		load(t, src, cachedOptions(m, apktest.Ring(t, fixture.TestKey())))
	}
}

func TestLoadIndexOfADamagedCache(t *testing.T) {
	t.Parallel()
	good := newMemory()
	src := &server{files{cachedAt: buildIndex(t, fixture.Index{})}, "v1", nil}
	ring := apktest.Ring(t, fixture.TestKey())
	want := packagesText(load(t, src, cachedOptions(good, ring)))
	for key, data := range good.records {
		step := max(len(data)/60, 1)
		for i := 0; i < len(data); i += step {
			for _, damaged := range [][]byte{fixture.FlipByte(data, i), data[:i]} {
				m := newMemory()
				for k, v := range good.records {
					m.records[k] = v
				}
				m.records[key] = damaged
				if got := packagesText(load(t, src, cachedOptions(m, ring))); got != want {
					t.Fatalf("with byte %d of %q damaged: packages %s, want %s", i, key, got, want)
				}
			}
		}
	}
}

// TestLoadIndexNotesAge serves an index that is older than one before it.
func TestLoadIndexNotesAge(t *testing.T) {
	t.Parallel()
	at := func(year int) []byte {
		return buildIndex(t, fixture.Index{Edit: func(s string) string {
			return strings.ReplaceAll(s, fmt.Sprintf("t:%d", fixture.BuildTime), fmt.Sprintf("t:%d", (year-1970)*31_557_600))
		}})
	}
	ring := apktest.Ring(t, fixture.TestKey())
	for name, tt := range map[string]struct {
		mirrors       []string
		first, second files
		untrusted     bool // the first is read without a keyring
		want          string
	}{
		"newer":    {[]string{"http://a"}, files{cachedAt: at(2040)}, files{cachedAt: at(2041)}, false, ""},
		"the same": {[]string{"http://a"}, files{cachedAt: at(2040)}, files{cachedAt: at(2040)}, false, ""},
		"older":    {[]string{"http://a"}, files{cachedAt: at(2041)}, files{cachedAt: at(2040)}, false, `"http://a/x86_64/APKINDEX.tar.gz" was made at 2040`},
		"on a later mirror": {
			[]string{"http://a", "http://b"}, files{cachedAt: at(2041)}, files{"http://b/x86_64/APKINDEX.tar.gz": at(2040)}, false,
			`"http://b/x86_64/APKINDEX.tar.gz" was made at 2040`,
		},
		"nobody vouched for the newer": {[]string{"http://a"}, files{cachedAt: at(2041)}, files{cachedAt: at(2040)}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := cachedOptions(newMemory(), ring)
			o.Repository.Mirrors = tt.mirrors
			first := o
			if tt.untrusted {
				first.Keyring = nil
			}
			load(t, tt.first, first)
			for range 2 { // it is said each time
				notes := strings.Join(load(t, tt.second, o).Notes, "\n")
				if (notes == "") != (tt.want == "") || !strings.Contains(notes, tt.want) {
					t.Errorf("Notes = %q, want %q", notes, tt.want)
				}
			}
		})
	}
}

// TestCacheHoldsNoPassword looks for the password of an index's URL.
func TestCacheHoldsNoPassword(t *testing.T) {
	t.Parallel()
	m := newMemory()
	o := cachedOptions(m, nil)
	o.Repository.Mirrors = []string{"https://me:secret@a/main"}
	load(t, files{"https://me:secret@a/main/x86_64/APKINDEX.tar.gz": buildIndex(t, fixture.Index{})}, o)
	for key, data := range m.records {
		if strings.Contains(key+string(data), "secret") {
			t.Errorf("record %q has the password", key)
		}
	}
}

func TestIndexWhereAndNamed(t *testing.T) {
	t.Parallel()
	x := apktest.Offers(t, "", "a=1\na=2\nb=1 | D:a\nb=2 | D:a>1")
	held := x.Where(func(p *apk.Package) bool { return p.Name != "a" || p.Version == "1" })
	if got := packagesText(held); got != "[a-1 b-1 b-2]" {
		t.Errorf("Packages = %s", got)
	}
	if got := fmt.Sprint(slices.Collect(held.Named("a")), slices.Collect(x.Named("a")), slices.Collect(x.Named("c"))); got != "[a-1] [a-1 a-2] []" {
		t.Errorf("Named = %s", got)
	}
	got, err := solve.Solve(apktest.World(t, "b"), []*apk.Index{held}, solve.Options{})
	if err != nil || apktest.SolutionText(got) != "a=1 b=1" {
		t.Errorf("Solve of the view = %q, %v, want the older ones", apktest.SolutionText(got), err)
	}
	if again := held.Where(func(p *apk.Package) bool { return p.Name == "a" }); packagesText(again) != "[a-1]" || packagesText(x) != "[a-1 a-2 b-1 b-2]" {
		t.Errorf("a view of the view has %s, the index %s", packagesText(again), packagesText(x))
	}
}

// TestIndexDetails asks for packages that stand in several chunks, in and out of order.
func TestIndexDetails(t *testing.T) {
	t.Parallel()
	var want []*apk.Package
	for i := range 200 {
		want = append(want, &apk.Package{Name: fmt.Sprintf("p%d", i), Version: "1", Description: fmt.Sprintf("number %d", i), Origin: "o", Commit: strings.Repeat("c", i)})
	}
	x := apktest.IndexOf(t, nil, "", want)
	ignore := cmpopts.IgnoreUnexported(apk.Package{})
	if diff := cmp.Diff(want, slices.Collect(x.Packages()), ignore); diff != "" {
		t.Errorf("Packages (-want +got):\n%s", diff)
	}
	for _, i := range []int{199, 64, 63, 0} {
		if diff := cmp.Diff(want[i:i+1], slices.Collect(x.Named(want[i].Name)), ignore); diff != "" {
			t.Errorf("Named (-want +got):\n%s", diff)
		}
	}
}

func TestNewIndexRefusesTags(t *testing.T) {
	t.Parallel()
	p := &apk.Package{Name: "a", Depends: []apk.Dependency{{Name: "b", Tag: "edge"}}}
	if _, err := apk.NewIndex(nil, "", slices.Values([]*apk.Package{p})); err == nil || !strings.Contains(err.Error(), "tag") {
		t.Errorf("NewIndex = %v, want an error about the tag", err)
	}
}

// TestSolveFromTheCache solves random worlds with indexes as they were read and as the cache has them. It looks at the answers
// when the indexes are closed.
func TestSolveFromTheCache(t *testing.T) {
	t.Parallel()
	const seeds = 200
	solved := 0
	for seed := uint64(0); seed < seeds; seed += apktest.CaseStep {
		c := apktest.NewRandomCase(seed)
		world := apktest.World(t, c.World)
		want := apktest.AnswerText(solve.Solve(world, []*apk.Index{apktest.Offers(t, "", c.Main), apktest.Offers(t, "edge", c.Edge)}, solve.Options{}))
		m := &lender{memory: newMemory()}
		for range 2 {
			var indexes []*apk.Index
			for i, lines := range []string{c.Main, c.Edge} {
				o := cachedOptions(m, nil)
				o.Repository = &apk.Repository{Mirrors: []string{fmt.Sprintf("http://%d", i)}, Tag: []string{"", "edge"}[i]}
				raw := buildIndex(t, fixture.Index{Archives: []*fixture.Archive{}, SignWith: []*fixture.Key{}, Edit: func(string) string { return apktest.IndexText(t, lines) }})
				indexes = append(indexes, load(t, files{fmt.Sprintf("http://%d/x86_64/APKINDEX.tar.gz", i): raw}, o))
			}
			solution, err := solve.Solve(world, indexes, solve.Options{})
			for _, x := range indexes {
				x.Close()
			}
			if got := apktest.AnswerText(solution, err); got != want {
				t.Fatalf("seed %d, world %q:\n%s\nwant\n%s", seed, c.World, got, want)
			}
		}
		if m.lent == 0 || m.lent != m.back {
			t.Fatalf("%d indexes were lent, and %d given back", m.lent, m.back)
		}
		if !strings.HasPrefix(want, "no solution") && !strings.HasPrefix(want, "giving up") {
			solved++
		}
	}
	if solved < seeds/apktest.CaseStep/10 || solved > seeds/apktest.CaseStep*9/10 {
		t.Errorf("%d of %d worlds have a solution; of both kinds there should be many", solved, seeds/apktest.CaseStep)
	}
}

// FuzzCompact changes a compact form, and puts its checksum right so that it is looked at.
func FuzzCompact(f *testing.F) {
	raw := buildIndex(f, fixture.Index{})
	src := files{cachedAt: raw}
	m := newMemory()
	if _, err := apk.LoadIndex(f.Context(), src, cachedOptions(m, nil)); err != nil {
		f.Fatal(err)
	}
	key, good := m.compact(f)
	for _, i := range []int{0, 1, 40, 100, len(good) - 20} {
		f.Add(uint(i), []byte{0xff, 0xff})
		f.Add(uint(i), []byte{1})
	}
	const magic, sum = 8, 4
	f.Fuzz(func(t *testing.T, at uint, with []byte) {
		data := bytes.Clone(good)
		copy(data[magic+sum+int(at%uint(len(data)-magic-sum)):], with)
		binary.LittleEndian.PutUint32(data[magic:], crc32.Checksum(data[magic+sum:], crc32.MakeTable(crc32.Castagnoli)))
		m := newMemory()
		m.records[key] = data
		x, err := apk.LoadIndex(t.Context(), src, cachedOptions(m, nil))
		if err != nil {
			t.Fatal(err)
		}
		for p := range x.Packages() {
			_ = p.String()
		}
		_, _ = solve.Solve(apktest.World(t, "hello docs"), []*apk.Index{x, x.Where(func(p *apk.Package) bool { return p.Name == "hello" })}, solve.Options{})
	})
}
