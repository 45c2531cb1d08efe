package sandbox

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestUntilNext(t *testing.T) {
	for _, test := range []struct {
		left int64
		cpus int
		want time.Duration
	}{
		{-1, 2, shortest},
		{0, 2, shortest},
		{100 << 20, 1, shortest},
		{500 << 20, 1, 100 * time.Millisecond},
		{500 << 20, 2, 50 * time.Millisecond},
		{64 << 30, 2, longest},
		{math.MaxInt64, 1, longest},
		{math.MaxInt64, 1024, longest},
	} {
		if got := untilNext(test.left, test.cpus); got != test.want {
			t.Errorf("untilNext(%d, %d) = %s, want %s", test.left, test.cpus, got, test.want)
		}
	}
}

// TestWithoutMain: a program that does not call Main would run itself without end.
func TestWithoutMain(t *testing.T) {
	prepared = false
	defer func() { prepared = true }()
	if _, err := Run(t.Context(), Command{Args: []string{"true"}}); !errors.Is(err, errNotPrepared) {
		t.Errorf("a command: %v, want %v", err, errNotPrepared)
	}
	if err := RunJob(t.Context(), "job", nil, nil, nil); !errors.Is(err, errNotPrepared) {
		t.Errorf("a job: %v, want %v", err, errNotPrepared)
	}
}
