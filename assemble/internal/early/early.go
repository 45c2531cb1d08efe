// Package early announces layers of an image while others are still being fetched, and paces fetching so that the first
// ones are there soon.
package early

import (
	"sync"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/layers"
)

// Sink gets the layers. Layer returns at once; calls may overlap, and a layer may come more than once.
type Sink interface{ Layer(b layers.Blob) }

// Layers announces layers to a sink. It begins when something is fetched: a build that finds everything in the store
// takes no time in which a layer could be sent. The zero value announces nothing.
type Layers struct {
	to Sink

	mu    sync.Mutex
	begun bool
	held  []layers.Blob
}

// New returns Layers for a sink, which may be nil.
func New(to Sink) *Layers { return &Layers{to: to} }

// Wanted reports whether there is a sink.
func (l *Layers) Wanted() bool { return l.to != nil }

// Add announces layers, now or when something is fetched.
func (l *Layers) Add(blobs ...layers.Blob) {
	if l.to == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.begun {
		l.held = append(l.held, blobs...)
		return
	}
	for _, b := range blobs {
		l.to.Layer(b)
	}
}

// AddLayers announces layers as a lock has them.
func (l *Layers) AddLayers(all []lock.Layer) {
	for _, layer := range all {
		l.Add(layer.Blob())
	}
}

// Fetched notes that something is fetched.
func (l *Layers) Fetched() {
	l.mu.Lock()
	l.begun = true
	held := l.held
	l.held = nil
	l.mu.Unlock()
	l.Add(held...)
}
