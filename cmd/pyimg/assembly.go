package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/gitinfo"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/sigstore"
)

// An assembly is one image that is to be made, as spec and command line say.
type assembly struct {
	run     *session.Session
	set     flags.Set
	spec    spec.Spec
	outputs []output
	refs    []string             // to push to
	key     *sigstore.PrivateKey // that signs what is pushed; nil: nothing is signed
	labels  map[string]string    // of --label-git
}

func newAssembly(ctx context.Context, all *session.Session, con console.Console, set flags.Set, image many.Image) (a assembly, err error) {
	a.set = image.Flags(set)
	a.run = all.ForImage(con, a.set, image.Spec)
	if a.spec, err = a.run.SpecToBuild(ctx, image.Spec); err != nil {
		return a, err
	}
	if set.Bool("label-git") {
		if a.labels, err = gitLabels(a.run, a.spec); err != nil {
			return a, err
		}
	}
	if set.Bool("print-spec") {
		return a, nil
	}
	if a.refs, err = references(a.set, a.spec, image); err != nil {
		return a, err
	}
	if a.outputs, err = outputs(a.run, a.set, &a.spec); err != nil {
		return a, err
	}
	return a, a.run.CheckRefs(a.refs, flags.PushOptions(set))
}

// deliver makes the image, writes it and pushes it.
func (a assembly) deliver(ctx context.Context) (push.Result, error) {
	l, locked, err := a.run.Lock(ctx, a.spec)
	if err != nil {
		return push.Result{}, err
	}
	src, keys, err := a.run.Access(ctx, a.spec, true)
	if err != nil {
		return push.Result{}, err
	}
	ctx, pushing, err := a.run.BeginPush(ctx, a.refs, mountingBase(flags.PushOptions(a.set), a.spec, a.refs))
	if err != nil {
		return push.Result{}, err
	}
	defer pushing.Close()
	var supply *assemble.Supply
	if locked {
		supply, err = a.supply(ctx, l, src, keys)
	} else {
		l, supply, err = a.fresh(ctx, src, keys, pushing)
	}
	if err == nil && len(a.labels) > 0 {
		l, err = l.WithLabels(a.labels)
	}
	if err != nil {
		return push.Result{}, pushing.Cause(err)
	}
	r, err := a.send(ctx, l, supply, pushing)
	return r, pushing.Cause(err)
}

// gitLabels are the labels that say which commit the spec's folder is at. Those that the spec gives itself stay as they are.
func gitLabels(run *session.Session, s spec.Spec) (map[string]string, error) {
	info, err := gitinfo.Read(cmp.Or(s.Dir, "."))
	if err != nil {
		return nil, exit.WrongUse(fmt.Errorf("--label-git: %w", err))
	}
	for _, note := range info.Notes {
		run.Warn("--label-git: " + note)
	}
	labels := info.Labels()
	maps.DeleteFunc(labels, func(name, _ string) bool { _, given := s.Image.Labels[name]; return given })
	return labels, nil
}

// printSpec prints a spec without the credentials in its URLs.
func printSpec(run *session.Session, s spec.Spec) error {
	text, err := s.Redacted().YAML()
	if err != nil {
		return err
	}
	if s.HasCredentials() {
		run.Warn("the spec's URLs are printed without their user names, passwords and queries")
	}
	_, err = run.Stdout.Write(text)
	return err
}

// supply brings what the lock names. Where nothing is to be delivered the image is made from it, to see that it still
// can be.
func (a assembly) supply(ctx context.Context, l lock.Lock, src input.Access, keys *apk.Keyring) (*assemble.Supply, error) {
	supply, err := assemble.NewSupply(l, a.spec, src, keys)
	if err != nil {
		return nil, err
	}
	switch {
	case len(a.outputs) > 0:
		err = a.run.Progressing(func(progress input.Progress) error { return supply.Fetch(ctx, progress) })
	case len(a.refs) == 0:
		var got lock.Lock
		got, err = a.run.Build(ctx, src, nil, func(src input.Access) (assemble.Plan, error) { return assemble.PlanOf(ctx, l, a.spec, src, keys) })
		if err == nil {
			err = l.Expect(got)
		}
	}
	return supply, err
}

// fresh makes the image without a lock; meanwhile its push, if there is one, sends layers. A layer that is found damaged
// when it is to be sent or written is made anew.
func (a assembly) fresh(ctx context.Context, src input.Access, keys *apk.Keyring, pushing *session.Push) (lock.Lock, *assemble.Supply, error) {
	lock, err := a.run.Build(ctx, src, pushing, func(src input.Access) (assemble.Plan, error) { return assemble.Resolve(ctx, a.spec, src, keys) })
	if err != nil {
		return lock, nil, err
	}
	supply, err := assemble.NewSupply(lock, a.spec, src, keys)
	return lock, supply, err
}

// send writes and pushes the image.
func (a assembly) send(ctx context.Context, l lock.Lock, supply *assemble.Supply, pushing *session.Push) (push.Result, error) {
	if len(a.outputs) > 0 || pushing == nil {
		index, err := l.Index(ctx, supply.Open)
		if err != nil {
			return push.Result{}, err
		}
		for _, o := range a.outputs {
			if err := write(ctx, a.run, o, index); err != nil {
				return push.Result{}, err
			}
		}
		if pushing == nil {
			return push.Describe(index)
		}
	}
	index, err := l.Index(ctx, supply.Stream) // a push can send a layer again that it finds damaged
	if err != nil {
		return push.Result{}, err
	}
	attached := sync.OnceValues(func() (push.Attachments, error) { return a.attachments(l) })
	pushing.Attach(attached)
	r, err := a.run.FinishPush(ctx, pushing, index)
	if err != nil {
		return r, err
	}
	return r, a.signAgain(ctx, index, r, attached)
}

// sayWhatIsMissing says what to add where an image went nowhere, which hardly anybody wants.
func (a assembly) sayWhatIsMissing() {
	if len(a.outputs) > 0 || len(a.refs) > 0 || a.set.String("progress") == "quiet" {
		return
	}
	where := "--push REF"
	if len(a.spec.Push) > 0 {
		where = "--push for where the spec says"
	}
	fmt.Fprintf(a.run.Stderr, "pyimg: the image was made, and nothing was written: add %s, or --output %s\n", where, outputForms())
}
