package push

import (
	"context"
	"time"
)

// grace is what a call gets to end in order after its context has ended: less than the second that is promised.
const grace = 500 * time.Millisecond

// promptly returns when f does, or shortly after ctx has ended: f may hang in what knows no context, such as the reader
// of a layer. What f still does then comes to nothing, as all its requests carry ctx.
func promptly[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := f()
		done <- outcome{v, err}
	}()
	select {
	case out := <-done:
		return out.value, out.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case out := <-done:
		return out.value, out.err
	case <-timer.C:
		var none T
		return none, context.Cause(ctx)
	}
}
