package stats_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pyimg/pyimg/benchmark/stats"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{5, 1, 3}, 3}, {[]float64{4, 1, 3, 2}, 2.5}} {
		before := append([]float64{}, of.values...)
		if got := stats.Median(of.values); got != of.want {
			t.Errorf("Median(%v) = %v, want %v", of.values, got, of.want)
		}
		for i := range before {
			if of.values[i] != before[i] {
				t.Errorf("Median changed its argument to %v", of.values)
			}
		}
	}
}

func TestMeanAndSpread(t *testing.T) {
	t.Parallel()
	if got := stats.Mean([]float64{1, 4, 16}); !near(got, 4) {
		t.Errorf("Mean(1, 4, 16) = %v, want 4", got)
	}
	if got := stats.Mean(nil); got != 0 {
		t.Errorf("Mean of nothing = %v, want 0", got)
	}
	if got := stats.Spread([]float64{9, 10, 12, 10, 11}); !near(got, 0.1) {
		t.Errorf("Spread = %v, want 0.1: the distances are 1, 0, 2, 0, 1 from 10", got)
	}
}

// TestRatioOfPairs has a machine that is slower in some rounds: the ratio of each round is 2 all the same.
func TestRatioOfPairs(t *testing.T) {
	t.Parallel()
	s := stats.Sample{Base: []float64{2, 4, 20, 2.2, 2.1}, Other: []float64{1, 2, 10, 1.1, 1.05}, Paired: true}
	if got := stats.Ratio(s); !near(got.Ratio, 2) || !near(got.Low, 2) || !near(got.High, 2) {
		t.Errorf("Ratio of pairs = %+v, want 2 without a doubt", got)
	}
	s.Paired = false
	if got := stats.Ratio(s); !near(got.Ratio, 2) || got.Low > 1 || got.High < 3 {
		t.Errorf("Ratio without pairs = %+v, want 2 with a wide interval", got)
	}
}

// TestGeometricMean has known answers: 2 and 8 make 4, and a difference in one direction is taken back by the other.
func TestGeometricMean(t *testing.T) {
	t.Parallel()
	of := func(ratio float64) stats.Sample {
		return stats.Sample{Base: []float64{ratio, ratio, ratio}, Other: []float64{1, 1, 1}, Paired: true}
	}
	if got := stats.GeometricMean([]stats.Sample{of(2), of(8)}); !near(got.Ratio, 4) || !near(got.Low, 4) || !near(got.High, 4) {
		t.Errorf("GeometricMean of 2 and 8 = %+v, want 4", got)
	}
	if got := stats.GeometricMean([]stats.Sample{of(0.5), of(2)}); !near(got.Ratio, 1) || !got.Holds(1) {
		t.Errorf("GeometricMean of 1/2 and 2 = %+v, want 1", got)
	}
	if got := stats.GeometricMean(nil); got != (stats.Interval{}) {
		t.Errorf("GeometricMean of nothing = %+v, want zeros", got)
	}
}

// TestIntervalsHoldWhatTheyShould draws many samples of a known ratio: about 95 of 100 intervals must hold it.
func TestIntervalsHoldWhatTheyShould(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // a test
	const tries, truth = 200, 1.5
	held := 0
	for range tries {
		s := stats.Sample{Paired: true}
		for range 15 {
			s.Base = append(s.Base, truth*math.Exp(0.05*random.NormFloat64()))
			s.Other = append(s.Other, math.Exp(0.05*random.NormFloat64()))
		}
		if got := stats.Ratio(s); got.Holds(truth) {
			held++
		}
		if got := stats.Ratio(s); got.Low > got.Ratio || got.High < got.Ratio {
			t.Fatalf("the interval %+v does not hold its own ratio", got)
		}
	}
	if held < tries*88/100 || held == tries {
		t.Errorf("%d of %d intervals hold the true ratio, want about 95 of 100", held, tries)
	}
}

func TestSameAnswerTwice(t *testing.T) {
	t.Parallel()
	s := []stats.Sample{{Base: []float64{1, 1.1, 0.9, 1.3}, Other: []float64{0.7, 0.8, 0.9, 0.6}, Paired: true}, {Base: []float64{2, 3}, Other: []float64{2, 1, 4}}}
	if a, b := stats.GeometricMean(s), stats.GeometricMean(s); a != b {
		t.Errorf("the same sample gives %+v and %+v", a, b)
	}
}
