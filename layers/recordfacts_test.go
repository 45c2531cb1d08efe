package layers_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pyimg/pyimg/layers"
)

var errNote = errors.New("it cannot be noted")

// recorded splices two files under a key into a new store, and closes the store.
func recorded(t *testing.T, dir, key string, rules ...layers.ContentRule) (b layers.Blob, entries []string) {
	t.Helper()
	s, err := layers.OpenStore(dir, rules...)
	if err != nil {
		t.Fatal(err)
	}
	files := []layers.Deflated{deflated(t, "a/x", words(1, 5000)), plain("a/y", "y")}
	b, err = s.Splice(t.Context(), layers.MakeOptions{}, files, key, func(b layers.Blob) ([]byte, error) { return []byte("{" + b.Digest + "}"), nil })
	if err != nil {
		t.Fatal(err)
	}
	entries, _ = entriesOf(t, s, b.Digest)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b, entries
}

func entriesOf(t *testing.T, s *layers.Store, digest string) (list []string, err error) {
	t.Helper()
	for e, err := range s.Entries(digest) {
		if err != nil {
			return list, err
		}
		list = append(list, e.Path()+" "+e.Header.ModTime.String())
	}
	return list, nil
}

func onlyFile(t *testing.T, dir, kind string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "v1", kind, "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s has %q, want one file", kind, found)
	}
	return found[0]
}

// TestSpliceIsRecorded: a fragment and what is recorded of it are two files, and a later run knows the fragment by its record.
func TestSpliceIsRecorded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, entries := recorded(t, dir, "key")
	if len(entries) != 2 {
		t.Fatalf("the fragment has %q, want two files", entries)
	}
	onlyFile(t, dir, "blobs")
	onlyFile(t, dir, "records")
	s := openStoreIn(t, dir)
	if data, err := s.Record("key"); err != nil || string(data) != "{"+b.Digest+"}" {
		t.Fatalf("Record: %q, %v", data, err)
	}
	if got, err := s.Blob(b.Digest); err != nil || got != b {
		t.Errorf("Blob: %+v, %v, want %+v", got, err, b)
	}
	if got, err := entriesOf(t, s, b.Digest); err != nil || !slices.Equal(got, entries) {
		t.Errorf("Entries: %q, %v, want %q", got, err, entries)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "v1", "facts", "*")); len(left) > 0 {
		t.Errorf("the facts are in %q, too, want none", left)
	}
	if _, err := s.Join(t.Context(), layers.MakeOptions{}, []string{b.Digest}); err != nil {
		t.Error(err)
	}
}

// TestFactsOfRecordsAreLost: facts of a record that is damaged, not read, or of other rules are lost, and learned again.
func TestFactsOfRecordsAreLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules []layers.ContentRule
		read  bool
		bend  func(raw []byte) []byte
	}{
		"not read":    {},
		"other rules": {rules: []layers.ContentRule{{Path: "a/z", Max: 10}}, read: true},
		"cut off":     {read: true, bend: func(raw []byte) []byte { return raw[:len(raw)/2] }},
		"damaged":     {read: true, bend: func(raw []byte) []byte { raw[len(raw)/2] ^= 1; return raw }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			b, entries := recorded(t, dir, "key")
			if c.bend != nil {
				at := onlyFile(t, dir, "records")
				raw, err := os.ReadFile(at)
				if err == nil {
					err = os.WriteFile(at, c.bend(bytes.Clone(raw)), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			s, err := layers.OpenStore(dir, c.rules...)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if c.read {
				if _, err := s.Record("key"); c.bend != nil != errors.Is(err, fs.ErrNotExist) {
					t.Errorf("Record: %v", err)
				}
			}
			if got, err := entriesOf(t, s, b.Digest); err != nil || !slices.Equal(got, entries) {
				t.Errorf("Entries: %q, %v, want %q", got, err, entries)
			}
			onlyFile(t, dir, "facts")
		})
	}
}

// TestNoteFails: nothing is recorded, and the error is the caller's own.
func TestNoteFails(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	_, err := s.Splice(t.Context(), layers.MakeOptions{}, []layers.Deflated{plain("x", "x")}, "key",
		func(layers.Blob) ([]byte, error) { return nil, errNote })
	if err != errNote { //nolint:errorlint // as it is
		t.Errorf("Splice: %v, want %v", err, errNote)
	}
	if _, err := s.Record("key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Record: %v, want fs.ErrNotExist", err)
	}
}

// TestPruneKeepsRecordedFragments: who reads a record uses its fragment, and a record goes with its fragment.
func TestPruneKeepsRecordedFragments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, _ := recorded(t, dir, "key")
	long := time.Now().Add(-48 * time.Hour)
	for _, kind := range []string{"blobs", "records"} {
		if err := os.Chtimes(onlyFile(t, dir, kind), long, long); err != nil {
			t.Fatal(err)
		}
	}
	user := openStoreIn(t, dir)
	if _, err := user.Record("key"); err != nil {
		t.Fatal(err)
	}
	if err := user.Close(); err != nil {
		t.Fatal(err)
	}
	s := openStoreIn(t, dir)
	if _, err := s.Prune(layers.PruneOptions{UsedBefore: time.Now().Add(-24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	at := onlyFile(t, dir, "blobs")
	onlyFile(t, dir, "records")
	stat, err := s.Stat()
	if err != nil || stat.Blobs.Bytes != b.Size || stat.Records.Files != 1 || stat.Facts.Files != 0 {
		t.Errorf("Stat: %+v, %v", stat, err)
	}
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	pruned, err := s.Prune(layers.PruneOptions{})
	if err != nil || pruned.Removed.Records.Files != 1 {
		t.Errorf("Prune without the fragment: %+v, %v, want that its record goes", pruned, err)
	}
}
