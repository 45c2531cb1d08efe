package many

import (
	"context"
	"slices"
	"sync"

	"github.com/pyimg/pyimg/internal/exit"
)

// atOnce is how many images are worked on at the same time: enough that some use the processors while others wait for a network, and
// few enough that memory does not depend on how many images there are.
const atOnce = 8

// Each calls do for each of n images, a few at a time. It calls done for each in their order, as soon as those before it are done.
// When ctx ends, it starts no more, and does not call done for those that it did not start.
func Each(ctx context.Context, n int, do func(ctx context.Context, i int) error, done func(i int, err error)) {
	type end struct {
		i   int
		err error
	}
	ended := make(chan end)
	slots := make(chan struct{}, atOnce)
	go func() {
		var running sync.WaitGroup
		defer close(ended)
		defer running.Wait()
		for i := range n {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			if ctx.Err() != nil { // both were possible
				return
			}
			running.Go(func() {
				err := do(ctx, i)
				ended <- end{i, err}
				<-slots
			})
		}
	}()
	waiting, next := map[int]error{}, 0
	for e := range ended {
		waiting[e.i] = e.err
		for err, is := waiting[next]; is; err, is = waiting[next] {
			done(next, err)
			delete(waiting, next)
			next++
		}
	}
}

// A Fault is what went wrong with one image.
type Fault struct {
	Image
	Err error
}

// Faults is the error of a command that failed for some of its images.
type Faults struct {
	Of     int // images
	Faults []Fault
}

// gravity are the exit codes of single images, the one that counts most first: trying again helps least there.
func gravity() []exit.Code {
	return []exit.Code{exit.Unverified, exit.Usage, exit.NoSolution, exit.Auth, exit.Network, exit.Failed}
}

// ExitCode is the gravest code of the images that failed.
func (f *Faults) ExitCode() exit.Code {
	gravest := len(gravity()) - 1
	for _, fault := range f.Faults {
		if at := slices.Index(gravity(), exit.Of(fault.Err)); at >= 0 {
			gravest = min(gravest, at)
		}
	}
	return gravity()[gravest]
}

// Unwrap returns what went wrong.
func (f *Faults) Unwrap() []error {
	errs := make([]error, len(f.Faults))
	for i, fault := range f.Faults {
		errs[i] = fault.Err
	}
	return errs
}
