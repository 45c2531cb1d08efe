package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/newer"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/termtext"
)

// checkLocks reports what is newer than the locks. It builds nothing and changes no lock.
func checkLocks(ctx context.Context, run *session.Session, c *cli.Context, images []many.Image) error {
	if c.IsSet("update") || c.Bool("json") && c.Bool("markdown") {
		return exit.Usagef("--check changes nothing, so it goes without --update; its result is lines, --json or --markdown")
	}
	s, err := newSeveral(ctx, run, c, images)
	if err != nil {
		return err
	}
	reports := make([]newer.Report, len(images))
	many.Each(ctx, len(images), func(ctx context.Context, i int) (err error) {
		set := images[i].Flags(c)
		reports[i], err = checkLock(ctx, run.ForImage(s.console(i), set, images[i].Spec))
		return err
	}, func(i int, err error) {
		r := &reports[i]
		r.Spec, r.Name = images[i].Spec, images[i].Name
		if r.Code = exit.Of(err); err != nil {
			r.Error = redact.Text(err.Error())
			s.fail(i, err)
		} else if r.Behind {
			r.Code = exit.Failed
		}
		s.show(func() { printNewer(run, c, *r, len(images) > 1) })
	})
	if c.Bool("markdown") {
		s.show(func() { _, _ = fmt.Fprint(run.Stdout, newer.Markdown(reports)) })
	}
	err = s.end(ctx)
	if len(images) == 1 && ctx.Err() == nil && err != nil {
		return s.faults.Faults[0].Err
	}
	if err != nil {
		return err
	}
	return behind(reports)
}

// checkLock compares the lock of one image with what there is now.
func checkLock(ctx context.Context, run *session.Session) (newer.Report, error) {
	r := newer.Report{Lock: run.LockFile(), Changes: []lock.Change{}}
	s, err := run.SpecToBuild(ctx, run.SpecName())
	if err != nil {
		return r, err
	}
	l, err := lock.Read(r.Lock)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; without a lock there is nothing to compare: write it with \"pyimg lock\"", err)
	}
	if err == nil {
		err = l.Fits(s)
	}
	if err != nil {
		return r, exit.WrongUse(err)
	}
	src, keys, err := run.Access(ctx, s, true)
	if err != nil {
		return r, err
	}
	var plan assemble.Plan
	err = run.Progressing(func(progress input.Progress) (err error) {
		src.Progress = progress
		plan, err = assemble.Resolve(ctx, s, src, keys)
		return err
	})
	run.WarnAll(plan.Warnings)
	if err != nil {
		return r, err
	}
	if changes := l.Newer(plan.Parts()); len(changes) > 0 {
		r.Behind, r.Changes = true, changes
	}
	return r, nil
}

// printNewer prints what was found of one lock. A failure to write to stdout is found when the command ends.
func printNewer(run *session.Session, c *cli.Context, r newer.Report, several bool) {
	switch {
	case c.Bool("markdown"):
	case c.Bool("json"):
		if raw, err := json.Marshal(r); err == nil {
			_, _ = run.Stdout.Write(append(termtext.JSON(raw), '\n'))
		}
	case r.Error != "":
	case !r.Behind && c.String("progress") != "quiet":
		fmt.Fprintf(run.Stderr, "pyimg: %s has what is newest\n", r.Lock)
	}
	if c.Bool("markdown") || c.Bool("json") {
		return
	}
	ending := ""
	if several {
		ending = "\t" + termtext.Line(r.Spec)
	}
	for _, line := range r.Lines() {
		fmt.Fprintln(run.Stdout, line+ending)
	}
}

// behind is the error of locks that are behind; nil where none is.
func behind(reports []newer.Report) error {
	n, last := 0, ""
	for _, r := range reports {
		if r.Behind {
			n, last = n+1, r.Lock
		}
	}
	switch {
	case n == 0:
		return nil
	case len(reports) == 1:
		return fmt.Errorf("what there is now is newer than %s; \"pyimg lock\" takes it", last)
	}
	return fmt.Errorf("what there is now is newer than %d of %s; \"pyimg lock\" takes it", n, termtext.Count(len(reports), "lock"))
}
