// Package stats says how much faster one series of times is than another, and how sure that is: medians of ratios, with intervals
// by the bootstrap. The same times always give the same answers. It knows nothing of what was measured.
package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Resamples is how often a bootstrap draws, and Confidence the part of the answers that an interval holds.
const (
	Resamples  = 2000
	Confidence = 0.95
)

// A Sample is what was measured of two things: positive numbers, at least one of each.
type Sample struct {
	Base, Other []float64
	// Paired says that Base[i] and Other[i] were measured at about the same time, so that what slowed the machine slowed both.
	Paired bool
}

// An Interval is a ratio of Base to Other: above 1 where Other takes less. Low and High are the bounds that the bootstrap gives.
type Interval struct {
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Holds reports whether the interval has x in it.
func (i Interval) Holds(x float64) bool { return i.Low <= x && x <= i.High }

// Ratio compares one sample.
func Ratio(s Sample) Interval { return GeometricMean([]Sample{s}) }

// GeometricMean compares several samples by the geometric mean of their ratios. What was measured in one round is drawn together,
// because what disturbs a round disturbs all that was measured in it. No samples give zeros.
func GeometricMean(samples []Sample) Interval {
	if len(samples) == 0 {
		return Interval{}
	}
	ratios := make([][]float64, len(samples))
	most := 0
	logs := 0.0
	for i, s := range samples {
		most = max(most, len(s.Base), len(s.Other))
		if s.Paired {
			ratios[i] = s.ratios()
			logs += math.Log(Median(ratios[i]))
		} else {
			logs += math.Log(Median(s.Base) / Median(s.Other))
		}
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time is what is wanted
	draws, scratch := make([]float64, 2*most), make([]float64, most)
	answers := make([]float64, Resamples)
	for n := range answers {
		for i := range draws {
			draws[i] = random.Float64()
		}
		sum := 0.0
		for i, s := range samples {
			if s.Paired {
				sum += math.Log(drawnMedian(ratios[i], draws[:most], scratch))
			} else {
				sum += math.Log(drawnMedian(s.Base, draws[:most], scratch) / drawnMedian(s.Other, draws[most:], scratch))
			}
		}
		answers[n] = math.Exp(sum / float64(len(samples)))
	}
	slices.Sort(answers)
	tail := int(float64(Resamples) * (1 - Confidence) / 2)
	ratio := math.Exp(logs / float64(len(samples)))
	return Interval{ratio, min(answers[tail], ratio), max(answers[Resamples-1-tail], ratio)}
}

// ratios are those of the rounds that both have.
func (s Sample) ratios() []float64 {
	all := make([]float64, min(len(s.Base), len(s.Other)))
	for i := range all {
		all[i] = s.Base[i] / s.Other[i]
	}
	return all
}

// drawnMedian is the median of as many values as there are, drawn with repeats.
func drawnMedian(values, draws, scratch []float64) float64 {
	drawn := scratch[:len(values)]
	for i := range drawn {
		drawn[i] = values[int(draws[i]*float64(len(values)))]
	}
	slices.Sort(drawn)
	return middle(drawn)
}

// Median is the middle of the values, or the mean of the two in the middle. There is at least one.
func Median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return middle(sorted)
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Mean is the geometric mean of positive values; 0 of none.
func Mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}

// Spread is how far the values are from their median, as a part of it: the median of the distances. It is 0 for one value.
func Spread(values []float64) float64 {
	m := Median(values)
	far := make([]float64, len(values))
	for i, v := range values {
		far[i] = math.Abs(v - m)
	}
	return Median(far) / m
}
