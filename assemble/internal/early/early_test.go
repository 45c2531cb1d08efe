package early_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/pyimg/pyimg/assemble/internal/early"
	"github.com/pyimg/pyimg/layers"
)

func TestSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			name  string
			paced bool
			do    func(s *early.Slots)
			want  int // slots free after one was taken
		}{
			{"not paced", false, func(*early.Slots) {}, 4},
			{"paced", true, func(*early.Slots) {}, 0},
			{"half of a package is there", true, func(s *early.Slots) { s.Watch(nil).Start("fetch", "a", 10).Add(5) }, 1},
			{"less than half is there", true, func(s *early.Slots) { s.Watch(nil).Start("fetch", "a", 10).Add(4) }, 0},
			{"all of it is there", true, func(s *early.Slots) {
				task := s.Watch(nil).Start("fetch", "a", 10)
				task.Add(5)
				task.Add(5)
				task.Done(nil)
			}, 1},
			{"half of many packages", true, func(s *early.Slots) {
				for range 9 {
					s.Watch(nil).Start("fetch", "a", 10).Add(9)
				}
			}, 2},
			{"a large package was fetched", true, func(s *early.Slots) { s.Give(1 << 20) }, 1},
			{"a small package was fetched", true, func(s *early.Slots) { s.Give(1 << 10) }, 2},
		} {
			s := early.NewSlots(5, tt.paced)
			if err := s.Take(t.Context()); err != nil {
				t.Fatal(err)
			}
			tt.do(s)
			free := 0
			for ; free < 9; free++ {
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- s.Take(ctx) }()
				synctest.Wait()
				blocked := len(done) == 0
				stop()
				<-done //nolint:errcheck // how it ended does not matter
				if blocked {
					break
				}
			}
			if free != tt.want {
				t.Errorf("%s: %d slots are free, want %d", tt.name, free, tt.want)
			}
		}
	})
}

// sink notes what it gets.
type sink []string

func (s *sink) Layer(b layers.Blob) { *s = append(*s, b.Digest) }

func TestLayersWaitForTheFirstFetch(t *testing.T) {
	t.Parallel()
	var to sink
	l := early.New(&to)
	l.Add(layers.Blob{Digest: "a"})
	if len(to) > 0 {
		t.Errorf("%q before anything is fetched", to)
	}
	l.Fetched()
	l.Add(layers.Blob{Digest: "b"})
	if !slices.Equal(to, sink{"a", "b"}) {
		t.Errorf("given were %q, want a and b", to)
	}
	nobody := early.New(nil)
	nobody.Fetched()
	nobody.Add(layers.Blob{Digest: "a"})
}
