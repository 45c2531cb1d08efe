package patience

import (
	"context"
	"io"
	"time"
)

// grace is how long a call may take to end cleanly after its context has ended. We promise less than a second.
const grace = 500 * time.Millisecond

// Promptly returns when f returns, or soon after ctx has ended. f may block in code that has no context, such as the
// reader of a layer. f then continues, and its result is ignored.
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

// Writer returns a writer to w that fails after ctx has ended, which stops a copy.
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
