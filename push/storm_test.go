package push_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/remote"
)

// storm makes one request in twenty fail. The choice depends on the seed and on how often the same request came before,
// not on the order of different requests.
type storm struct {
	seed uint64

	mu   sync.Mutex
	seen map[string]int
	hits int
	lies int // the faults that a push must report
}

func (s *storm) fault(r *http.Request) fixture.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Method + " " + r.URL.Path + r.URL.Query().Get("digest")
	s.seen[key]++
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", s.seed, key, s.seen[key])
	rnd := rand.New(rand.NewPCG(s.seed, h.Sum64()))
	if rnd.IntN(100) >= 5 {
		return fixture.Fault{}
	}
	s.hits++
	faults := []fixture.Fault{
		{Reset: true},
		{Lose: true},
		{Status: http.StatusInternalServerError},
		{Status: http.StatusServiceUnavailable, RetryAfter: fmt.Sprint(1 + rnd.IntN(10))},
		{Status: http.StatusTooManyRequests, RetryAfter: "1"},
		{Status: http.StatusUnauthorized},
		{Delay: time.Minute},
		{Truncate: 5},
		{Header: http.Header{"Docker-Content-Digest": {"sha256:" + strings.Repeat("0", 64)}}},
		{Header: http.Header{"Location": {"http://10.1.2.3/elsewhere"}}},
	}
	f := faults[rnd.IntN(len(faults))]
	if f.Header != nil || f.Status == http.StatusUnauthorized && r.URL.Path == "/token" { // as with a wrong password
		s.lies++
	}
	return f
}

// TestThousandStorms pushes a thousand times through a network where one request in twenty fails. Afterwards no tag
// leads to something missing, and a push without an error is complete. Every second push is offered its layers before.
func TestThousandStorms(t *testing.T) {
	t.Parallel()
	runs := 1000
	if testing.Short() || raceDetector() {
		runs = 100
	}
	before, after := imagetest.Sample(t), imagetest.Index(map[string]v1.Image{
		"amd64": imagetest.Image(t, "amd64", imagetest.Layer(t, 150_000), imagetest.Layer(t, 2000), imagetest.Layer(t, 10)),
		"arm64": imagetest.Image(t, "arm64", imagetest.Layer(t, 100_000), imagetest.Layer(t, 1000), imagetest.Layer(t, 11)),
	})
	for _, idx := range []v1.ImageIndex{before, after} {
		imagetest.Digest(t, idx) // computed once, before goroutines share it
	}
	layers := layersOf(t, after)
	old, fresh := imagetest.Digest(t, before), imagetest.Digest(t, after)
	var mu sync.Mutex
	done, hits := 0, 0
	var failed []error
	t.Run("runs", func(t *testing.T) {
		for seed := range runs {
			synctest.Test(t, func(t *testing.T) {
				reg := guardedRegistry()
				client := withPassword(&wire{handler: reg, trip: 20 * time.Millisecond})
				refs := []string{host + "/a:1", host + "/b:1"}
				if _, err := client.Push(t.Context(), before, refs, push.Options{}); err != nil {
					t.Fatal(err)
				}
				reg.Tokens.Uses = 10 + seed%20
				reg.Tokens.Revoke()
				if seed%3 == 0 {
					reg.MaxBody = 70_000
				}
				if seed%5 < 2 {
					reg.AtOnce()
				}
				s := &storm{seed: uint64(seed), seen: map[string]int{}}
				reg.Chance = s.fault
				if seed%2 == 0 {
					refs = append(refs, host+"/a:2", host+"/b:2") // new tags, so that layers are sent before
				}
				session, err := client.Begin(t.Context(), refs, push.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if seed%2 == 0 {
					for _, l := range layers {
						session.Offer(l)
					}
					time.Sleep(time.Duration(seed%50) * time.Second / 10)
				}
				_, err = session.Push(t.Context(), after)
				if lost := reg.Unsound(); len(lost) > 0 {
					t.Errorf("seed %d: %q; Push = %v", seed, lost, err)
				}
				checkEnd(t, seed, reg, err, old, fresh)
				time.Sleep(time.Hour) // abandoned goroutines end in this time
				s.mu.Lock()           // a handler may still be running
				defer s.mu.Unlock()
				mu.Lock()
				defer mu.Unlock()
				hits += s.hits
				switch {
				case err == nil:
					done++
				case s.lies == 0:
					failed = append(failed, err)
				}
			})
		}
	})
	t.Logf("%d of %d pushes done, through %d faults; %d failed at what can pass", done, runs, hits, len(failed))
	if len(failed) > runs/20 {
		t.Errorf("%d of %d pushes failed although nobody lied: %q", len(failed), runs, failed)
	}
}

// raceDetector reports whether this test binary was built with -race, which makes it ten times as slow.
func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// checkEnd compares the tags with the result of the push.
func checkEnd(t *testing.T, seed int, reg *fixture.Registry, err error, old, fresh string) {
	t.Helper()
	var pe *remote.Error
	if err != nil && !errors.As(err, &pe) {
		t.Errorf("seed %d: Push = %v, want an Error", seed, err)
	}
	for _, repo := range []string{"a", "b"} {
		now := reg.Tag(repo, "1")
		switch {
		case err == nil && now != fresh:
			t.Errorf("seed %d: done, and %s:1 names %q", seed, repo, now)
		case err != nil && now != old && !atTag(pe) && !strings.Contains(err.Error(), host+"/"+repo+":1"):
			t.Errorf("seed %d: %s:1 moved to %q, which the error does not say: %v", seed, repo, now, err)
		}
	}
}

// atTag reports whether an error came while a tag was written or later. Then the tag may have moved and only the answer
// was lost.
func atTag(err *remote.Error) bool {
	return err != nil && (err.Op == `pushing manifest "1"` || strings.HasPrefix(err.Op, "asking for manifest") || strings.HasPrefix(err.Op, "reading manifest") || strings.HasPrefix(err.Op, "verifying"))
}
