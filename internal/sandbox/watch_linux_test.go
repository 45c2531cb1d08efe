package sandbox

import (
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
