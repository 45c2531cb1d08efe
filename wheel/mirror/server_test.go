package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheel/mirror"
)

// registry has an index as an artifact.
type registry struct {
	name, manifest, signature string
	err                       error
}

func (r registry) String() string { return "oci:" + r.name + ":v1" }

func (r registry) Read(context.Context) (manifest, signature []byte, err error) {
	if r.signature != "" {
		signature = []byte(r.signature)
	}
	return []byte(r.manifest), signature, r.err
}

func (r registry) URL(sha256, file string) string {
	return "oci://" + r.name + "/" + sha256 + "/" + file
}

func (r registry) Has(address string) bool {
	return address == r.String() || strings.HasPrefix(address, "oci://"+r.name+"/")
}

// damaged is an error of an artifact that is not what its digests say.
type damaged struct{ error }

func (d damaged) Unwrap() error { return d.error }

func (damaged) ExitCode() exit.Code { return exit.Unverified }

// TestRegistries has one index in two registries and on a web server: files of the first are opened where the others have them.
func TestRegistries(t *testing.T) {
	t.Parallel()
	text := manifest("a", 1, 2)
	folder := folders(t, addresses()[:1], servers{manifestA: text, manifestA + signed: text})[0]
	one, two := registry{"one.example/w", text, text, nil}, registry{"two.example/w", text, text, nil}
	down := registry{"one.example/w", "", "", errors.New("connection refused")}
	onOne, onTwo := one.URL(sum(2), "a-2.0-py3-none-any.whl"), two.URL(sum(2), "a-2.0-py3-none-any.whl")
	const onFolder = "https://a.example/files/0000000000000000/a-2.0-py3-none-any.whl"
	verify := func(manifest, signature []byte) error {
		if string(manifest) != string(signature) {
			return errors.New("it is forged")
		}
		return nil
	}
	for _, c := range []struct {
		name    string
		servers []mirror.Server
		want    string // the addresses that are asked; the last one answers
		err     string
		code    exit.Code
	}{
		{name: "two registries", servers: []mirror.Server{mirror.InRegistry(one), mirror.InRegistry(two)}, want: onOne + " " + onTwo},
		{name: "the first is down", servers: []mirror.Server{mirror.InRegistry(down), mirror.InRegistry(two)}, want: onTwo},
		{name: "a folder of the same", servers: []mirror.Server{mirror.InRegistry(down), folder}, want: onFolder},
		{name: "a registry for a folder", servers: []mirror.Server{folder, mirror.InRegistry(two)}, want: onFolder + " " + onTwo},
		{name: "not signed", servers: []mirror.Server{mirror.InRegistry(registry{"one.example/w", text, "", nil}), folder}, err: "the mirror oci:one.example/w:v1: its manifest is not signed", code: exit.Unverified},
		{name: "forged", servers: []mirror.Server{folder, mirror.InRegistry(registry{"one.example/w", text, "other", nil})}, err: "it is forged", code: exit.Unverified},
		{name: "damaged", servers: []mirror.Server{folder, mirror.InRegistry(registry{"one.example/w", text, text, damaged{errors.New("another digest")}})}, err: "the mirror oci:one.example/w:v1: another digest", code: exit.Unverified},
		{name: "copied by half", servers: []mirror.Server{mirror.InRegistry(registry{"one.example/w", "", "", damaged{fmt.Errorf("it lacks a blob: %w", fs.ErrNotExist)}}), folder}, want: onFolder},
		{name: "all are down", servers: []mirror.Server{mirror.InRegistry(down)}, err: "connection refused", code: exit.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := mirror.New(c.servers, mirror.Options{Verify: verify})
			if err != nil {
				t.Fatal(err)
			}
			files, _, err := m.Project(t.Context(), "a")
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || exit.Of(err) != c.code {
					t.Errorf("the error is %v with the code %d, want %q with %d", err, exit.Of(err), c.err, c.code)
				}
				return
			}
			if err != nil || len(files) != 2 || !m.Has(files[1].URL) {
				t.Fatalf("the files are %v, %v", files, err)
			}
			all := strings.Fields(c.want)
			var asked []string
			r, err := m.Open(t.Context(), files[1].URL, func(_ context.Context, address string) (io.ReadCloser, error) {
				if asked = append(asked, address); len(asked) < len(all) {
					return nil, errors.New("connection reset")
				}
				return io.NopCloser(strings.NewReader("wheel")), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got := strings.Join(asked, " "); got != c.want {
				t.Errorf("asked %s, want %s", got, c.want)
			}
		})
	}
}

// TestUnlistedFilesOfARegistry: nobody knows where another server would have a blob that no manifest lists, so it is opened where it
// is. It may be another index's in the same repository.
func TestUnlistedFilesOfARegistry(t *testing.T) {
	t.Parallel()
	text := manifest("a", 1, 2)
	one := registry{"one.example/w", text, "", nil}
	open := func(_ context.Context, address string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("opened %s", address)
	}
	for _, c := range []struct {
		first registry
		want  string
	}{
		{one, "opened oci://one.example/w/x/b.whl"},
		{registry{"one.example/w", "", "", errors.New("down")}, "opened oci://one.example/w/x/b.whl"},
	} {
		m, err := mirror.New([]mirror.Server{mirror.InRegistry(c.first), mirror.InRegistry(registry{"two.example/w", text, "", nil})}, mirror.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Open(t.Context(), "oci://one.example/w/x/b.whl", open); err == nil || err.Error() != c.want {
			t.Errorf("the error is %v, want %s", err, c.want)
		}
	}
}

// TestOthers: the other mirrors' addresses follow from the address of a file, or from the manifests that list it. They need no SHA-256.
func TestOthers(t *testing.T) {
	t.Parallel()
	text := manifest("a", 1, 2)
	const file = "a-2.0-py3-none-any.whl"
	web := folders(t, addresses()[:2], servers{manifestA: text, manifestB: text})
	one, two := registry{"one.example/w", text, "", nil}, registry{"two.example/w", text, "", nil}
	down := registry{"one.example/w", "", "", errors.New("connection refused")}
	for _, c := range []struct {
		name    string
		servers []mirror.Server
		address string
		want    string
	}{
		{"folders", web, "https://a.example/files/00/" + file, "https://b.example/w/files/00/" + file},
		{"registries", []mirror.Server{mirror.InRegistry(one), mirror.InRegistry(two)}, one.URL(sum(2), file), two.URL(sum(2), file)},
		{"the first is down", []mirror.Server{mirror.InRegistry(down), mirror.InRegistry(two)}, one.URL(sum(2), file), two.URL(sum(2), file)},
		{"a folder first", []mirror.Server{web[0], mirror.InRegistry(two), web[1]}, "https://a.example/files/0000000000000000/" + file,
			two.URL(sum(2), file) + " https://b.example/w/files/0000000000000000/" + file},
		{"unlisted", []mirror.Server{mirror.InRegistry(one), mirror.InRegistry(two), web[0]}, one.URL(sum(3), file), ""},
		{"unlisted in a folder", []mirror.Server{web[0], mirror.InRegistry(two), web[1]}, "https://a.example/files/00/" + file, "https://b.example/w/files/00/" + file},
		{"no manifest", []mirror.Server{mirror.InRegistry(down), web[0], mirror.InRegistry(registry{"two.example/w", "", "", down.err})}, one.URL(sum(3), file), ""},
	} {
		m, err := mirror.New(c.servers, mirror.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(m.Others(t.Context(), c.address), " "); got != c.want {
			t.Errorf("%s: the others are %q, want %q", c.name, got, c.want)
		}
	}
}
