package session

import (
	"context"
	"errors"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
)

// A Push is under way: it logs in, and sends layers, while the image is still being made.
type Push struct {
	session *push.Session
	uploads *uploads
	cancel  context.CancelCauseFunc
	failed  func() error // why the registries cannot be pushed to, if that is known
}

// BeginPush begins to push to references; the Push is nil where there are none. The context that it returns ends where it
// shows that they cannot be pushed to, such as by a wrong password or a layer that is refused: there is no use in making
// the image.
func (run *Session) BeginPush(ctx context.Context, refs []string, o push.Options) (context.Context, *Push, error) {
	if len(refs) == 0 {
		return ctx, nil, nil
	}
	pushing, cancel := context.WithCancelCause(ctx)
	uploads := &uploads{redraw: run.several == nil && run.DrawsBars() && slices.Contains([]string{"", "auto"}, run.flags.String("progress"))}
	o.Progress = uploads
	session, err := run.Registry().Begin(pushing, refs, o)
	if err != nil {
		cancel(nil)
		return ctx, nil, err
	}
	go func() {
		if err := session.Wait(pushing); err != nil {
			cancel(err)
		}
	}()
	failed := func() error {
		if cause := context.Cause(pushing); cause != nil && ctx.Err() == nil {
			return cause
		}
		return nil
	}
	return pushing, &Push{session, uploads, cancel, failed}, nil
}

// Attach has the push attach artifacts to the image, which are made only where it sends the image.
func (p *Push) Attach(what func() (push.Attachments, error)) { p.session.Attach(what) }

// Close ends it, if there is one, and what is still being sent.
func (p *Push) Close() {
	if p != nil {
		p.uploads.end()
		p.session.Close()
		p.cancel(nil)
	}
}

// sending has the push send layers while do makes the image, and shows that where fetching shows. Without a push, or where
// the user wants it so, nothing is sent before the image is complete.
func (run *Session) sending(p *Push, store *layers.Store, display push.Progress, do func(assemble.LayerSink) error) error {
	if p == nil || run.flags.Bool("send-last") {
		return do(nil)
	}
	p.uploads.show(display)
	defer p.uploads.hide()
	return do(storedLayers{p.session, store})
}

// storedLayers offers layers of a store to a push.
type storedLayers struct {
	to    *push.Session
	store *layers.Store
}

// Layer offers one layer.
func (s storedLayers) Layer(b layers.Blob) {
	s.to.Offer(oci.Blob{Desc: v1.Descriptor{MediaType: types.MediaType(b.MediaType), Digest: lock.Hash(b.Digest), Size: b.Size},
		Open: func() (io.ReadCloser, error) { return s.store.Stream(b.Digest) }})
}

// Cause is err, or why the push cannot succeed where err follows from that: its context ended.
func (p *Push) Cause(err error) error {
	if p == nil || err == nil {
		return err
	}
	if cause := p.failed(); cause != nil && (errors.Is(err, context.Canceled) || errors.Is(err, cause)) {
		return cause
	}
	return err
}

// FinishPush sends what there is now, and shows how far it is. The display has ended when it returns.
func (run *Session) FinishPush(ctx context.Context, p *Push, index v1.ImageIndex) (push.Result, error) {
	report, err := run.Progress()
	if err != nil {
		return push.Result{}, err
	}
	defer report.Close()
	p.uploads.show(report)
	defer p.uploads.hide()
	return p.session.Push(ctx, index)
}
