package session

import (
	"cmp"
	"context"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/push"
)

// A Push is under way: it logs in while the image is still being made.
type Push struct {
	session *push.Session
	uploads *lateProgress
	failed  func() error // why the registries cannot be pushed to, if that is known
}

// BeginPush begins to push to references; the Push is nil where there are none. The context that it returns ends where it
// shows that they cannot be pushed to, such as by a wrong password: there is no use in making the image.
func (run *Session) BeginPush(ctx context.Context, refs []string, o push.Options) (context.Context, *Push, error) {
	if len(refs) == 0 {
		return ctx, nil, nil
	}
	pushing, cancel := context.WithCancelCause(ctx)
	uploads := &lateProgress{}
	o.Progress = uploads
	session, err := run.Registry().Begin(pushing, refs, o)
	if err != nil {
		cancel(nil)
		return ctx, nil, err
	}
	go func() {
		if err := session.Ready(pushing); err != nil {
			cancel(err)
		}
	}()
	failed := func() error {
		if cause := context.Cause(pushing); cause != nil && ctx.Err() == nil {
			return cause
		}
		return nil
	}
	return pushing, &Push{session, uploads, failed}, nil
}

// Close ends it, if there is one.
func (p *Push) Close() {
	if p != nil {
		p.session.Close()
	}
}

// Cause is err, or why the context ended that err is about.
func (p *Push) Cause(err error) error {
	if p == nil || err == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return cmp.Or(p.failed(), err)
}

// FinishPush sends what there is now, and shows how far it is. The display has ended when it returns.
func (run *Session) FinishPush(ctx context.Context, p *Push, index v1.ImageIndex) (push.Result, error) {
	report, err := run.Progress()
	if err != nil {
		return push.Result{}, err
	}
	defer report.Close()
	p.uploads.to = report
	return p.session.Push(ctx, index)
}

// lateProgress reports to a display that begins after the push: one display at a time may have the terminal.
type lateProgress struct{ to push.Progress }

func (l *lateProgress) Start(kind, name string, size int64) push.Task {
	return l.to.Start(kind, name, size)
}
