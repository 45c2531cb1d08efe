package memo_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/internal/memo"
)

// TestOnce asks one question by many tasks at the same time.
func TestOnce(t *testing.T) {
	t.Parallel()
	var m memo.Memo
	var asked atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			got, err := memo.Once(t.Context(), &m, "question", func(context.Context) (int, error) {
				asked.Add(1)
				return 42, nil
			})
			if got != 42 || err != nil {
				t.Errorf("Once = %d, %v, want 42", got, err)
			}
		})
	}
	wg.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the question was asked %d times, want 1", n)
	}
}

// TestErrorIsAnAnswer: a server that is down is not asked again by each task.
func TestErrorIsAnAnswer(t *testing.T) {
	t.Parallel()
	var m memo.Memo
	down := errors.New("down")
	asked := 0
	for range 3 {
		_, err := memo.Once(t.Context(), &m, "question", func(context.Context) (int, error) {
			asked++
			return 0, down
		})
		if !errors.Is(err, down) {
			t.Errorf("Once = %v, want %v", err, down)
		}
	}
	if asked != 1 {
		t.Errorf("the question was asked %d times, want 1", asked)
	}
}

// TestCancelledIsNoAnswer: a task that gives up does not spoil the answer of those that wait for it.
func TestCancelledIsNoAnswer(t *testing.T) {
	t.Parallel()
	var m memo.Memo
	first, cancel := context.WithCancel(t.Context())
	asking := make(chan struct{})
	gone := make(chan error)
	go func() {
		_, err := memo.Once(first, &m, "question", func(ctx context.Context) (int, error) {
			close(asking)
			<-ctx.Done()
			return 0, ctx.Err()
		})
		gone <- err
	}()
	<-asking
	answer := make(chan int)
	go func() {
		got, _ := memo.Once(t.Context(), &m, "question", func(context.Context) (int, error) { return 7, nil })
		answer <- got
	}()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the task that was cancelled got %v, want context.Canceled", err)
	}
	if got := <-answer; got != 7 {
		t.Errorf("the other task got %d, want 7", got)
	}
}

// TestWaitingEnds: a task that waits for another one's answer can be cancelled.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	var m memo.Memo
	asking, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	go func() {
		_, _ = memo.Once(context.Background(), &m, "question", func(context.Context) (int, error) {
			close(asking)
			<-release
			return 1, nil
		})
	}()
	<-asking
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := memo.Once(ctx, &m, "question", func(context.Context) (int, error) { return 2, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Once = %v, want context.Canceled", err)
	}
}

// TestWithoutMemo asks each time.
func TestWithoutMemo(t *testing.T) {
	t.Parallel()
	asked := 0
	for range 2 {
		if _, err := memo.Once(t.Context(), nil, "question", func(context.Context) (int, error) {
			asked++
			return 0, nil
		}); err != nil {
			t.Error(err)
		}
	}
	if asked != 2 {
		t.Errorf("the question was asked %d times, want 2", asked)
	}
}

// TestKnownAsksAgainAfterAnError: and keeps what is no error.
func TestKnownAsksAgainAfterAnError(t *testing.T) {
	t.Parallel()
	var m memo.Memo
	asked := 0
	ask := func(context.Context) (int, error) {
		asked++
		if asked == 1 {
			return 0, errors.New("damaged")
		}
		return asked, nil
	}
	if _, err := memo.Known(t.Context(), &m, "question", ask); err == nil {
		t.Error("the first error is lost")
	}
	for range 2 {
		if got, err := memo.Known(t.Context(), &m, "question", ask); got != 2 || err != nil {
			t.Errorf("Known = %d, %v, want 2", got, err)
		}
	}
}
