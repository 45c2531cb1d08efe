package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/redact"
)

// several is a command's work on several images: their faults, what they print, and what they are warned of.
type several struct {
	run    *session.Session
	set    flags.Set
	images []many.Image
	faults many.Faults

	mu       sync.Mutex // for warnings, which images give at the same time
	warnings many.Warnings

	display []func() // what is printed when the display of progress has ended; see show
}

func newSeveral(ctx context.Context, run *session.Session, set flags.Set, images []many.Image) (*several, error) {
	if err := run.OpenForSeveral(ctx); err != nil {
		return nil, err
	}
	return &several{run: run, set: set, images: images, faults: many.Faults{Of: len(images)}}, nil
}

// console returns the console of one image. Images give their warnings at the same time; the command prints them at its end.
func (s *several) console(i int) console.Console {
	con := s.run.Console
	con.Warned = func(text string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.warnings.Add(i, text)
	}
	return con
}

// show prints something: at once, or when the display of progress has ended where that draws bars.
func (s *several) show(print func()) {
	if s.run.DrawsBars() && slices.Contains([]string{"", "auto"}, s.set.String("progress")) {
		s.display = append(s.display, print)
		return
	}
	print()
}

// fail notes the fault of one image.
func (s *several) fail(i int, err error) {
	s.faults.Faults = append(s.faults.Faults, many.Fault{Image: s.images[i], Err: err})
}

// end prints what waits for the end of the display, and the warnings. It returns the images' faults as one error.
func (s *several) end(ctx context.Context) error {
	s.run.EndDisplay()
	for _, print := range s.display {
		print()
	}
	s.mu.Lock() // an image that was cancelled may still work
	defer s.mu.Unlock()
	for _, line := range s.warnings.Lines(s.images) {
		fmt.Fprintf(s.run.Stderr, "pyimg: warning: %s\n", redact.Text(line))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(s.faults.Faults) > 0 {
		return &s.faults
	}
	return nil
}
