package session

import (
	"sync"

	"github.com/pyimg/pyimg/push"
)

// uploads shows the uploads of a push in the display that there is: that of fetching while the image is made, then one of
// its own. Only one display at a time may have the terminal. What runs while there is none shows in the next one.
type uploads struct {
	redraw bool // a display removes what it shows when it ends, as bars do

	mu      sync.Mutex
	display push.Progress // nil between two displays
	ended   bool
	running map[*upload]bool
}

// show has a display show the uploads, also those that are under way.
func (u *uploads) show(display push.Progress) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.display = display
	for up := range u.running {
		if up.task == nil {
			up.task = display.Start(up.kind, up.name, up.size)
			up.task.Add(up.sent)
		}
	}
}

// hide notes that the display ends.
func (u *uploads) hide() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.display = nil
	for up := range u.running {
		if u.redraw {
			up.task = nil
		}
	}
}

// end shows nothing from now on: what is still under way was given up.
func (u *uploads) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.display, u.ended = nil, true
	for up := range u.running {
		up.task = nil
	}
}

// Start begins an upload.
func (u *uploads) Start(kind, name string, size int64) push.Task {
	u.mu.Lock()
	defer u.mu.Unlock()
	up := &upload{all: u, kind: kind, name: name, size: size}
	if u.ended {
		return up
	}
	if u.display != nil {
		up.task = u.display.Start(kind, name, size)
	}
	if u.running == nil {
		u.running = make(map[*upload]bool)
	}
	u.running[up] = true
	return up
}

// An upload is one transfer. Its fields are under the mutex of all.
type upload struct {
	all  *uploads
	kind string
	name string
	size int64
	sent int64
	task push.Task // in the display; nil where there is none
}

// Add counts bytes.
func (up *upload) Add(n int64) {
	up.all.mu.Lock()
	defer up.all.mu.Unlock()
	up.sent += n
	if up.task != nil {
		up.task.Add(n)
	}
}

// Done ends the upload.
func (up *upload) Done(err error) {
	up.all.mu.Lock()
	defer up.all.mu.Unlock()
	delete(up.all.running, up)
	if up.task != nil {
		up.task.Done(err)
	}
}
