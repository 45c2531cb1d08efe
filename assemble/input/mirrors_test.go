package input_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/wheel/mirror"
)

// tagged is an index of one wheel under a tag of a registry's repository, at HOST/REPOSITORY:TAG. wheel is "" where it does not answer.
type tagged struct{ at, wheel string }

func (r tagged) String() string     { return "oci:" + r.at }
func (r tagged) repository() string { return "oci://" + r.at[:strings.LastIndex(r.at, ":")] + "/" }

func (r tagged) Read(context.Context) (manifest, signature []byte, err error) {
	if r.wheel == "" {
		return nil, nil, errors.New("connection refused")
	}
	manifest, err = json.Marshal(map[string]any{"version": 1, "wheels": []map[string]any{{"file": r.wheel, "sha256": strings.Repeat("00", 32)}}})
	return manifest, nil, err
}

func (r tagged) URL(_, file string) string { return r.repository() + file }

func (r tagged) Has(address string) bool {
	return address == r.String() || strings.HasPrefix(address, r.repository())
}

// up are the beginnings of URLs that can be opened. What is opened has its URL as content.
type up []string

func (u up) Open(_ context.Context, url string) (io.ReadCloser, error) {
	if !slices.ContainsFunc(u, func(prefix string) bool { return strings.HasPrefix(url, prefix) }) {
		return nil, errors.New("connection refused: " + url)
	}
	return io.NopCloser(strings.NewReader(url)), nil
}

func mirrors(t *testing.T, all ...[]tagged) (out []*mirror.Index) {
	t.Helper()
	for _, list := range all {
		var servers []mirror.Server
		for _, r := range list {
			servers = append(servers, mirror.InRegistry(r))
		}
		m, err := mirror.New(servers, mirror.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// TestTwoIndexesInOneRepository: a wheel comes from the mirrors of the index that lists it, although its address may be of both.
func TestTwoIndexesInOneRepository(t *testing.T) {
	t.Parallel()
	const a, b, c = "a-1-py3-none-any.whl", "b-1-py3-none-any.whl", "c-1-py3-none-any.whl"
	lists := [][]tagged{{{"one.example/w:v1", a}, {"two.example/w:v1", a}}, {{"one.example/w:v2", b}, {"three.example/w:v2", b}}}
	broken := [][]tagged{{{"one.example/w:v1", ""}}, lists[1]}
	for _, tt := range []struct {
		name   string
		lists  [][]tagged
		up     up
		file   string
		want   string // what is opened
		second string // what is opened when the first is refused; "" where none is left
		others string
	}{
		{"of the first", lists, up{"oci:"}, a, "oci://one.example/w/" + a, "oci://two.example/w/" + a, "oci://two.example/w/" + a},
		{"of the second", lists, up{"oci:"}, b, "oci://one.example/w/" + b, "oci://three.example/w/" + b, "oci://three.example/w/" + b},
		{"its registry is down", [][]tagged{lists[0], {{"one.example/w:v2", ""}, lists[1][1]}}, up{"oci://two.", "oci://three."}, b, "oci://three.example/w/" + b, "", "oci://three.example/w/" + b},
		{"the other index is down", broken, up{"oci:"}, b, "oci://one.example/w/" + b, "oci://three.example/w/" + b, "oci://three.example/w/" + b},
		{"of an index without mirrors", lists, up{"oci:"}, c, "oci://one.example/w/" + c, "", ""},
		{"next to one list", [][]tagged{{{"one.example/w:v1", ""}, {"two.example/w:v1", a}}}, up{"oci:"}, c, "oci://one.example/w/" + c, "", ""},
	} {
		src, url := input.Access{Fetch: tt.up, Mirrors: mirrors(t, tt.lists...)}, "oci://one.example/w/"+tt.file
		if got := strings.Join(src.OtherURLs(t.Context(), url), " "); got != tt.others {
			t.Errorf("%s: the other URLs are %q, want %q", tt.name, got, tt.others)
		}
		for _, want := range []string{tt.want, tt.second} {
			r, err := src.Open(t.Context(), url, tt.file, -1)
			if err != nil {
				t.Errorf("%s: opening it: %v, want %s", tt.name, err, want)
				break
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("%s: opened %s, %v, want %s", tt.name, got, err, want)
			}
			if again := src.Refuse(url, errors.New("it is another file")); again != (want == tt.want && tt.second != "") {
				t.Errorf("%s: after %s was refused another one is left: %v", tt.name, want, again)
			}
			if tt.second == "" {
				break
			}
		}
	}
}
