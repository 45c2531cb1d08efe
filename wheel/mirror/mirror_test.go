package mirror_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/mirror"
)

// servers are the files of several servers by their addresses; "down" is a server that does not answer.
type servers map[string]string

func (s servers) Open(_ context.Context, address, _ string) (*index.Response, error) {
	text, ok := s[address]
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case text == "down":
		return nil, errors.New("connection refused")
	}
	return &index.Response{Body: io.NopCloser(strings.NewReader(text))}, nil
}

func sum(n int) string { return fmt.Sprintf("%064x", n) }

// manifest has the versions of a project from first to last.
func manifest(project string, first, last int) string {
	type wheel struct {
		File   string `json:"file"`
		SHA256 string `json:"sha256"`
		Size   int    `json:"size"`
	}
	wheels := []wheel{}
	for n := first; n <= last; n++ {
		wheels = append(wheels, wheel{fmt.Sprintf("%s-%d.0-py3-none-any.whl", project, n), sum(n), n})
	}
	text, err := json.Marshal(map[string]any{"version": 1, "wheels": wheels})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// memory is a store of records.
type memory map[string][]byte

func (m memory) Record(key string) ([]byte, error) {
	if data, ok := m[key]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

func (m memory) SetRecord(key string, data []byte) error {
	m[key] = data
	return nil
}

func addresses() []string {
	return []string{"https://a.example/simple/", "https://b.example/w/simple", "https://c.example/"}
}

const (
	manifestA = "https://a.example/manifest.json"
	manifestB = "https://b.example/w/manifest.json"
	manifestC = "https://c.example/manifest.json"
	signed    = ".sigstore.json"
)

// folders are the addresses of several servers.
func folders(t testing.TB, addresses []string, from servers) (out []mirror.Server) {
	t.Helper()
	for _, a := range addresses {
		s, err := mirror.Folder(a, from)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func TestMirrors(t *testing.T) {
	t.Parallel()
	verify := func(manifest, signature []byte) error {
		if !bytes.Equal(manifest, signature) {
			return errors.New("it is forged")
		}
		return nil
	}
	two, three := manifest("a", 1, 2), manifest("a", 1, 3)
	for _, c := range []struct {
		name   string
		has    servers
		verify func(manifest, signature []byte) error
		count  int    // of wheels
		warn   string // in the warnings; "" for none
		err    string
		code   exit.Code
	}{
		{name: "all the same", has: servers{manifestA: two, manifestB: two, manifestC: two}, count: 2},
		{name: "the first is down", has: servers{manifestA: "down", manifestB: two, manifestC: two}, count: 2, warn: "a.example/ of an index of wheels is left out: connection refused"},
		{name: "one is left", has: servers{manifestA: "down", manifestC: two}, count: 2, warn: "b.example/w/ of an index of wheels is left out: it has no manifest.json"},
		{name: "all are down", has: servers{manifestA: "down", manifestB: "down", manifestC: "down"}, err: "none of its mirrors answers", code: exit.Failed},
		{name: "the first lags", has: servers{manifestA: two, manifestB: three, manifestC: three}, count: 3, warn: "the mirror https://a.example/ serves an older manifest than https://b.example/w/: it lacks 1"},
		{name: "the last lags", has: servers{manifestA: three, manifestB: three, manifestC: two}, count: 3, warn: "the mirror https://c.example/ serves an older manifest than https://a.example/: it lacks 1"},
		{name: "one is empty", has: servers{manifestA: three, manifestB: manifest("a", 1, 0), manifestC: three}, count: 3, warn: "it lacks 3"},
		{name: "neither is older", has: servers{manifestA: two, manifestB: manifest("a", 2, 3), manifestC: two}, count: 2, warn: "neither is older"},
		{name: "another index", has: servers{manifestA: two, manifestB: manifest("b", 1, 2), manifestC: two}, err: "the mirror https://b.example/w/: it is a mirror of another index than https://a.example/", code: exit.Unverified},
		{name: "no manifest", has: servers{manifestA: "<html>", manifestB: two}, err: "the mirror https://a.example/: reading its manifest", code: exit.Unverified},
		{name: "another form", has: servers{manifestA: `{"version":2}`, manifestB: two}, err: "version is 2", code: exit.Unverified},
		{name: "signed", has: servers{manifestA: two, manifestA + signed: two, manifestB: two, manifestB + signed: two, manifestC: "down"}, verify: verify, count: 2, warn: "c.example"},
		{name: "not signed", has: servers{manifestA: two, manifestA + signed: two, manifestB: two}, verify: verify, err: "the mirror https://b.example/w/: its manifest is not signed", code: exit.Unverified},
		{name: "forged", has: servers{manifestA: two, manifestA + signed: two, manifestB: three, manifestB + signed: two}, verify: verify, err: "the mirror https://b.example/w/: verifying the signature of its manifest: it is forged", code: exit.Unverified},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var warnings strings.Builder
			var mu sync.Mutex
			m, err := mirror.New(folders(t, addresses(), c.has), mirror.Options{Verify: c.verify, Warn: func(text string) {
				mu.Lock()
				defer mu.Unlock()
				warnings.WriteString(text + "\n")
			}})
			if err != nil {
				t.Fatal(err)
			}
			files, found, err := m.Project(t.Context(), "A")
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || exit.Of(err) != c.code {
					t.Errorf("the error is %v with the code %d, want %q with %d", err, exit.Of(err), c.err, c.code)
				}
				return
			}
			if err != nil || !found || len(files) != c.count {
				t.Fatalf("%d files, %v, %v, want %d", len(files), found, err, c.count)
			}
			if want := "https://a.example/files/0000000000000000/a-1.0-py3-none-any.whl"; files[0].URL != want || files[0].Hashes["sha256"] != sum(1) || files[0].Size != 1 {
				t.Errorf("the first file is %+v, want %s", files[0], want)
			}
			if got := warnings.String(); !strings.Contains(got, c.warn) || c.warn == "" && got != "" {
				t.Errorf("the warnings are %q, want %q", got, c.warn)
			}
		})
	}
}

func TestFilesComeFromTheFirstMirrorThatHasThem(t *testing.T) {
	t.Parallel()
	m, err := mirror.New(folders(t, addresses(), servers{manifestA: manifest("a", 1, 1), manifestB: "down", manifestC: manifest("a", 1, 2)}), mirror.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const file = "https://a.example/files/x/a.whl"
	var asked []string
	open := func(_ context.Context, address string) (io.ReadCloser, error) {
		if asked = append(asked, address); strings.Contains(address, "c.example") {
			return nil, errors.New("connection reset")
		}
		return io.NopCloser(strings.NewReader("wheel")), nil
	}
	r, err := m.Open(t.Context(), file, open)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if want := "https://c.example/files/x/a.whl " + file; strings.Join(asked, " ") != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	if got := strings.Join(m.Others(t.Context(), file), " "); got != "https://b.example/w/files/x/a.whl https://c.example/files/x/a.whl" {
		t.Errorf("the others are %s", got)
	}
	for address, want := range map[string]bool{file: true, addresses()[0]: true, "https://a.example": true, "https://a.example/alpine/x.apk": false, "https://b.example/w/files/x": false} {
		if m.Has(address) != want {
			t.Errorf("Has(%q) = %v, want %v", address, !want, want)
		}
	}
	_, err = m.Open(t.Context(), file, func(context.Context, string) (io.ReadCloser, error) { return nil, fs.ErrNotExist })
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where no mirror has it: %v", err)
	}
}

func TestOlderManifestThanInAnEarlierRun(t *testing.T) {
	t.Parallel()
	known := make(memory)
	for _, c := range []struct{ from, text, warn, err string }{
		{manifestA, manifest("a", 1, 2), "", ""},
		{manifestB, manifest("a", 1, 1), "the mirror https://b.example/w/ serves an older manifest than https://a.example/ did in an earlier run: it lacks 1", ""},
		{manifestA, manifest("a", 1, 2), "", ""},
		{manifestB, manifest("a", 1, 5), "", ""},
		{manifestA, manifest("a", 1, 2), "than https://b.example/w/ did in an earlier run: it lacks 3", ""},
		{manifestA, manifest("b", 1, 2), "", "the mirror https://a.example/: it serves another index than https://b.example/w/ did"},
	} {
		var warnings []string
		m, err := mirror.New(folders(t, addresses()[:2], servers{c.from: c.text}), mirror.Options{Memory: known, Warn: func(text string) {
			if !strings.Contains(text, "is left out") {
				warnings = append(warnings, text)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = m.Project(t.Context(), "a")
		if got := strings.Join(warnings, "\n"); !strings.Contains(got, c.warn) || c.warn == "" && got != "" {
			t.Errorf("the warnings are %q, want %q", got, c.warn)
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("the error is %v, want %q", err, c.err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add(manifest("a", 1, 2))
	f.Add(`{"version":1,"wheels":[{"file":"a-1-py3-none-any.whl","sha256":"` + sum(1) + `","yanked":"","requires_python":">=3"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := mirror.New(folders(t, addresses()[:1], servers{manifestA: text}), mirror.Options{})
		if err != nil {
			t.Fatal(err)
		}
		files, _, err := m.Project(t.Context(), "a")
		for _, file := range files {
			if err != nil || !m.Has(file.URL) || file.Filename.Name != "a" {
				t.Errorf("%+v, %v", file, err)
			}
		}
	})
}
