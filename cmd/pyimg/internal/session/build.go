package session

import (
	"context"
	"strconv"
	"time"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/exit"
)

// Build builds what a plan is found for.
func (run *Session) Build(ctx context.Context, src input.Access, resolve func(input.Access) (assemble.Plan, error)) (lock lock.Lock, err error) {
	created, err := run.Created()
	if err != nil {
		return lock, err
	}
	err = run.Reporting(ctx, src, func(src input.Access) error {
		plan, err := resolve(src)
		if err != nil {
			return err
		}
		lock, err = assemble.Build(ctx, plan, src, assemble.BuildOptions{Created: created})
		return err
	})
	return lock, err
}

// Reporting shows what is fetched. Warnings wait until the display of progress has ended, which would overwrite them.
func (run *Session) Reporting(ctx context.Context, src input.Access, do func(input.Access) error) error {
	report, err := run.Progress()
	if err != nil {
		return err
	}
	var warnings []string
	src.Progress, src.Warn = report, func(text string) { warnings = append(warnings, text) }
	err = do(src)
	report.Close()
	for _, w := range warnings {
		run.Warn(w)
	}
	return err
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
