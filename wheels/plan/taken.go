package plan

import (
	"sync"

	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheels/download"
)

// Choice is what a planner chose of a source for some target: what the same plan needs of that source elsewhere.
type Choice struct {
	Source  Lister
	Project string
	Wheel   *index.File  // nil: no wheel fits
	Sdist   *index.Sdist // nil: there is none
	// WheelDigest and SdistDigest are the SHA-256 of what the plan reads and builds need; "" for what is left to another index.
	WheelDigest, SdistDigest string
}

// taken is all that a planner chose, in no order. It may be used by several goroutines.
type taken struct {
	mu      sync.Mutex
	choices []Choice
	digests map[string]string // of what is needed, by its name and place
}

func (t *taken) note(c choice, err error) {
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.choices = append(t.choices, Choice{Source: c.from.Lister, Project: c.project, Wheel: c.wheel, Sdist: c.sdist})
}

func (t *taken) need(place, digest string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.digests == nil {
		t.digests = make(map[string]string)
	}
	t.digests[place] = digest
}

func (t *taken) wheel(w download.Wheel) { t.need(w.URL+" "+w.Path, w.SHA256) }
func (t *taken) sdist(s download.Sdist) { t.need(s.URL+" "+s.Path, s.SHA256) }

// Choices are those of all plans that the planner made, in no order, and with repetitions.
func (p *Planner) Choices() []Choice {
	p.taken.mu.Lock()
	defer p.taken.mu.Unlock()
	out := make([]Choice, len(p.taken.choices))
	for i, c := range p.taken.choices {
		if c.Wheel != nil {
			c.WheelDigest = p.taken.digests[c.Wheel.URL+" "+c.Wheel.Path]
		}
		if c.Sdist != nil {
			c.SdistDigest = p.taken.digests[c.Sdist.URL+" "+c.Sdist.Path]
		}
		out[i] = c
	}
	return out
}
