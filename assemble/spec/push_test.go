package spec_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/spec"
)

// TestPush reads and writes the references, which are no part of the digest: a lock fits wherever the image goes.
func TestPush(t *testing.T) {
	t.Parallel()
	s, err := spec.Parse("s.yaml", []byte("push: [\"ghcr.io/you/{name}:1.0\", localhost:5000/app]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ghcr.io/you/{name}:1.0", "localhost:5000/app"}; !slices.Equal(s.Push, want) {
		t.Errorf("Push = %q, want %q", s.Push, want)
	}
	without, err := spec.Parse("s.yaml", []byte("{}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Digest() != without.Digest() {
		t.Errorf("the digest is %s with push, %s without, want the same", s.Digest(), without.Digest())
	}
	text, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := spec.Parse("again.yaml", text)
	if err != nil || !slices.Equal(again.Push, s.Push) {
		t.Errorf("after a round trip Push = %q (%v), want %q", again.Push, err, s.Push)
	}
}

// TestPushRefuses: no password of a reference is repeated in an error.
func TestPushRefuses(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{`""`, `"a b"`, "https://ghcr.io/you/app", "me:secret@ghcr.io/you/app"} {
		_, err := spec.Parse("s.yaml", []byte("push: ["+ref+"]\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "s.yaml:1:8: push[0]:") || strings.Contains(err.Error(), "secret") {
			t.Errorf("push: [%s]: %v, want a fault with its place and no password", ref, err)
		}
	}
}
