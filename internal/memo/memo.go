// Package memo lets several tasks of one run share answers: each question is asked once, and the tasks that ask at the same time
// wait for one answer.
package memo

import (
	"context"
	"sync"
)

// A Memo holds the answers of one run. The zero value is empty. A nil *Memo remembers nothing.
type Memo struct {
	mu      sync.Mutex
	answers map[any]*answer
}

// An answer is there once done is closed.
type answer struct {
	done      chan struct{}
	value     any
	err       error
	cancelled bool // the task that asked gave up, or its error is no answer: the next one asks
}

// Once returns the answer to the question key, and asks by ask if nobody has. An error is an answer, too, unless the context of the
// task that asked has ended: then the next task asks. The value of one key must always be of one type. ask runs with ctx, so its
// value must not depend on ctx after ask has returned.
func Once[T any](ctx context.Context, m *Memo, key any, ask func(context.Context) (T, error)) (T, error) {
	return once(ctx, m, key, ask, true)
}

// Known is Once, but an error is no answer: the next task asks again. It is for what may be mended meanwhile, such as damage in a
// cache.
func Known[T any](ctx context.Context, m *Memo, key any, ask func(context.Context) (T, error)) (T, error) {
	return once(ctx, m, key, ask, false)
}

func once[T any](ctx context.Context, m *Memo, key any, ask func(context.Context) (T, error), errors bool) (T, error) {
	if m == nil {
		return ask(ctx)
	}
	for {
		a, mine := m.enter(key)
		if mine {
			return answered(ctx, m, key, a, ask, errors)
		}
		select {
		case <-a.done:
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
		if !a.cancelled {
			value, _ := a.value.(T)
			return value, a.err
		}
	}
}

// enter returns the answer to a question. If nobody has asked it, the caller must.
func (m *Memo) enter(key any) (a *answer, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a = m.answers[key]; a != nil {
		return a, false
	}
	a = &answer{done: make(chan struct{}), cancelled: true} // until ask has returned: it may panic
	if m.answers == nil {
		m.answers = map[any]*answer{}
	}
	m.answers[key] = a
	return a, true
}

func answered[T any](ctx context.Context, m *Memo, key any, a *answer, ask func(context.Context) (T, error), errors bool) (T, error) {
	defer close(a.done)
	defer func() {
		if a.cancelled {
			m.mu.Lock()
			delete(m.answers, key)
			m.mu.Unlock()
		}
	}()
	value, err := ask(ctx)
	a.value, a.err, a.cancelled = value, err, err != nil && (ctx.Err() != nil || !errors)
	return value, err
}
