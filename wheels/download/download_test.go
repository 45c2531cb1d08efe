package download_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/mirror"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/download"
)

// demo is a wheel with its bytes and its SHA-256.
func demo(t *testing.T) (f index.File, data []byte, digest string) {
	t.Helper()
	w := wheeltest.Wheel{Name: "demo", Metadata: "Requires-Dist: other\n"}
	name, err := tag.ParseFilename(w.Filename())
	if err != nil {
		t.Fatal(err)
	}
	data = w.Bytes()
	sum := sha256.Sum256(data)
	return index.File{File: source.File{Filename: name}}, data, hex.EncodeToString(sum[:])
}

// server has files by URL, and counts requests.
type server struct {
	files map[string][]byte
	asked atomic.Int64
}

func (s *server) Open(_ context.Context, url string) (io.ReadCloser, error) {
	s.asked.Add(1)
	data, ok := s.files[url]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// OpenSum makes it a bundle, too.
func (s *server) OpenSum(ctx context.Context, sum string) (io.ReadCloser, error) {
	return s.Open(ctx, sum)
}

func openStore(t *testing.T) *layers.Store {
	t.Helper()
	store, err := layers.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

const address = "https://wheels.example/demo-1.0-py3-none-any.whl"

// TestARunReadsAFileOnce asks twice, as each target of a plan does.
func TestARunReadsAFileOnce(t *testing.T) {
	t.Parallel()
	f, data, digest := demo(t)
	f.Path = filepath.Join(t.TempDir(), f.Filename.Text)
	d := download.New(input.Access{Store: openStore(t)}, nil)
	if _, err := d.Wheel(t.Context(), f); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a wheel that is not there yet: error %v", err)
	}
	if err := os.WriteFile(f.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the error was not remembered; what was read is
		got, err := d.Wheel(t.Context(), f)
		if err != nil || got.SHA256 != digest || len(got.Metadata.RequiresDist) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		_ = os.Remove(f.Path)
	}
}

func TestWhatWasFetchedIsNotFetchedAgain(t *testing.T) {
	t.Parallel()
	f, data, digest := demo(t)
	s, store := &server{files: map[string][]byte{address: data}}, openStore(t)
	f.URL, f.Hashes = address, source.Hashes{"sha256": digest}
	for range 2 { // runs
		got, err := download.New(input.Access{Store: store, Fetch: s}, nil).Wheel(t.Context(), f)
		if err != nil || got.SHA256 != digest {
			t.Fatal(err)
		}
	}
	if s.asked.Load() != 1 {
		t.Errorf("%d requests, want 1", s.asked.Load())
	}
}

func TestAnotherFileThanTheIndexNamesIsRefused(t *testing.T) {
	t.Parallel()
	f, data, digest := demo(t)
	s := &server{files: map[string][]byte{address: append(bytes.Clone(data), 0)}}
	f.URL, f.Hashes = address, source.Hashes{"sha256": digest}
	d := download.New(input.Access{Store: openStore(t), Fetch: s}, nil)
	if _, err := d.Wheel(t.Context(), f); exit.Of(err) != exit.Unverified || !strings.Contains(err.Error(), address) {
		t.Errorf("another file: error %v", err)
	}
	s.files[address] = data
	if _, err := d.Wheel(t.Context(), f); err != nil {
		t.Errorf("nothing of the wrong file is kept, but: %v", err)
	}
}

func TestABundleIsAskedBeforeTheIndex(t *testing.T) {
	t.Parallel()
	f, data, digest := demo(t)
	carried, far := &server{files: map[string][]byte{digest: data}}, &server{}
	f.URL, f.Hashes = address, source.Hashes{"sha256": digest}
	d := download.New(input.Access{Store: openStore(t), Fetch: far}, carried)
	if _, err := d.Wheel(t.Context(), f); err != nil || far.asked.Load() != 0 {
		t.Errorf("%d requests, error %v", far.asked.Load(), err)
	}
}

// pages opens the manifests of mirrors.
type pages struct{ *server }

func (p pages) Open(ctx context.Context, url, _ string) (*index.Response, error) {
	body, err := p.server.Open(ctx, url)
	return &index.Response{Body: body}, err
}

// folders are two mirrors on one server.
func folders(t *testing.T, s *server) (out []mirror.Server) {
	t.Helper()
	for _, address := range []string{"https://a.example/simple/", "https://b.example/simple/"} {
		m, err := mirror.Folder(address, pages{s})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// TestTheNextMirrorIsAsked: a mirror that gives other bytes than the index's manifest names stops nobody, unless all of them do.
func TestTheNextMirrorIsAsked(t *testing.T) {
	t.Parallel()
	f, data, digest := demo(t)
	file := "files/" + digest[:16] + "/" + f.Filename.Text
	manifest := fmt.Appendf(nil, `{"version":1,"wheels":[{"file":%q,"sha256":%q,"size":%d}]}`, f.Filename.Text, digest, len(data))
	s := &server{files: make(map[string][]byte)}
	for _, host := range []string{"https://a.example/", "https://b.example/"} {
		s.files[host+"manifest.json"] = manifest
		s.files[host+file] = append(bytes.Clone(data), 0)
	}
	f.URL, f.Hashes, f.Size = "https://a.example/"+file, source.Hashes{"sha256": digest}, int64(len(data))
	var warned []string
	open := func() *download.Downloader {
		m, err := mirror.New(folders(t, s), mirror.Options{Warn: func(text string) { warned = append(warned, text) }})
		if err != nil {
			t.Fatal(err)
		}
		return download.New(input.Access{Store: openStore(t), Fetch: s, Mirrors: []*mirror.Index{m}}, nil)
	}
	if _, err := open().Wheel(t.Context(), f); exit.Of(err) != exit.Unverified {
		t.Errorf("all mirrors give another file: error %v", err)
	}
	s.files["https://b.example/"+file], warned = data, nil
	got, err := open().Wheel(t.Context(), f)
	if err != nil || got.SHA256 != digest {
		t.Errorf("one mirror gives the file: %v", err)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "https://a.example/ does not give "+f.Filename.Text) {
		t.Errorf("the warnings are %q", warned)
	}
}
