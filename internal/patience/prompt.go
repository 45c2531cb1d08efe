package patience

import (
	"context"
	"io"
	"time"
)

// grace is what a call gets to end in order after its context has ended: less than the second that is promised.
const grace = 500 * time.Millisecond

// Promptly returns when f does, or shortly after ctx has ended: f may hang in what knows no context, such as the reader
// of a layer. f goes on then, and nobody sees what it returns.
func Promptly[T any](ctx context.Context, f func() (T, error)) (T, error) {
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

// Writer writes to w until ctx ends: a copy to it stops then.
func Writer(ctx context.Context, w io.Writer) io.Writer { return writer{ctx.Err, w} }

type writer struct {
	ended func() error
	to    io.Writer
}

func (w writer) Write(p []byte) (int, error) {
	if err := w.ended(); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}
