package session

import (
	"context"
	"strconv"
	"time"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
)

// Build builds what a plan is found for. A push that is under way, or nil, sends layers meanwhile.
func (run *Session) Build(ctx context.Context, src input.Access, pushing *Push, resolve func(input.Access) (assemble.Plan, error)) (lock lock.Lock, err error) {
	created, err := run.Created()
	if err != nil {
		return lock, err
	}
	var warnings []string // they wait until the display of progress has ended, which would overwrite them
	err = run.Progressing(func(progress input.Progress) error {
		src.Progress = progress
		plan, err := resolve(src)
		warnings = plan.Warnings
		if err != nil {
			return err
		}
		return run.sending(pushing, src.Store, progress, func(to assemble.LayerSink) error {
			built, err := assemble.Build(ctx, plan, src, assemble.BuildOptions{Created: created, Layers: to})
			lock, warnings = built.Lock, append(warnings, built.Warnings...)
			return err
		})
	})
	run.WarnAll(warnings)
	return lock, err
}

// Try builds a spec, by its lock where there is one, and writes nothing but the cache.
func (run *Session) Try(ctx context.Context, s spec.Spec, l lock.Lock, locked bool) (assemble.Built, error) {
	created, err := run.Created()
	if err != nil {
		return assemble.Built{}, err
	}
	src, keys, err := run.Access(ctx, s, true)
	if err != nil {
		return assemble.Built{}, err
	}
	var plan assemble.Plan
	if locked {
		plan, err = assemble.PlanOf(ctx, l, s, src, keys)
	} else {
		plan, err = assemble.Resolve(ctx, s, src, keys)
	}
	if err != nil {
		return assemble.Built{}, err
	}
	return assemble.Build(ctx, plan, src, assemble.BuildOptions{Created: created})
}

// WarnAll says several warnings.
func (run *Session) WarnAll(warnings []string) {
	for _, w := range warnings {
		run.Warn(w)
	}
}

// Created is the time that reproducible-builds.org's variable sets; zero where it is not set.
func (run *Session) Created() (time.Time, error) {
	v := run.Getenv("SOURCE_DATE_EPOCH")
	if v == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(v, 10, 64)
	if err != nil || seconds < 0 || seconds > assemble.MaxCreated {
		return time.Time{}, exit.Usagef("SOURCE_DATE_EPOCH is %q, expected seconds since 1970, before the year 10000", v)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// Progressing shows what is fetched; the display has ended when it returns.
func (run *Session) Progressing(do func(input.Progress) error) error {
	report, err := run.Progress()
	if err != nil {
		return err
	}
	defer report.Close()
	return do(report)
}
