package runtime

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
)

// A RequireError says that a runtime does not have the properties that the spec requires.
type RequireError struct {
	Who string // such as "runtime https://example.com/cpython.tar.gz"
	Msg string // what the runtime is instead, and what to do
}

func (e *RequireError) Error() string { return e.Who + ": " + e.Msg }

// ExitCode is the exit code of a failed verification.
func (e *RequireError) ExitCode() exit.Code { return exit.Unverified }

// A quality is a property that runtime.require can demand.
type quality struct {
	word string
	has  func(b python.Build, r python.Report) bool
}

func qualities() []quality {
	type build = python.Build
	type report = python.Report
	return []quality{
		{"pgo", func(b build, _ report) bool { return b.PGO }},
		{"lto", func(b build, _ report) bool { return b.LTO }},
		{"bolt", func(b build, _ report) bool { return b.BOLT }},
		{"o2", func(b build, _ report) bool { return b.Optimize == "-O2" || b.Optimize == "-O3" }},
		{"o3", func(b build, _ report) bool { return b.Optimize == "-O3" }},
		{"no-semantic-interposition", func(b build, _ report) bool { return b.Flags != "" && !b.SemanticInterposition }},
		{"tail-call", func(b build, _ report) bool { return b.TailCall }},
		{"free-threaded", func(b build, _ report) bool { return b.FreeThreaded }},
		{"shared", func(b build, _ report) bool { return b.Shared }},
		{"static-libpython", func(b build, _ report) bool { return b.Version != "" && b.Flags != "" && !b.Shared }},
		{"bytecode", func(_ build, r report) bool { return r.Bytecode.Files > 0 }},
		{"stripped", func(_ build, r report) bool { return r.Stripped }},
		{"jemalloc", func(_ build, r report) bool { return holds(r, "jemalloc") || r.Links("jemalloc") }},
		{"mimalloc", func(b build, r report) bool { return b.Mimalloc || holds(r, "mimalloc") }},
	}
}

func holds(r python.Report, allocator string) bool {
	return slices.ContainsFunc(r.Allocators, func(a python.Allocator) bool { return a.Name == allocator })
}

// checkRequired checks that each runtime that is a layer has the properties that the spec requires. An allocator may also come from
// another runtime.
func checkRequired(s spec.Spec, p spec.Platform, rs []Ingested) error {
	var all []python.Allocator
	for _, r := range rs {
		all = append(all, r.Report.Allocators...)
	}
	for i, r := range s.Tarballs(p) {
		report := rs[i].Report
		report.Allocators = all
		if err := Required(r, "runtime "+rs[i].Public, report); err != nil {
			return err
		}
	}
	return nil
}

// Required returns a *RequireError if a runtime does not have the required properties.
func Required(r spec.Runtime, who string, report python.Report) error {
	if len(r.Require) == 0 {
		return nil
	}
	build := report.Python
	if build == nil {
		build = &python.Build{Verdict: "no CPython"}
	}
	var lacks []string
	for _, q := range qualities() {
		if slices.Contains(r.Require, q.word) && !q.has(*build, report) {
			lacks = append(lacks, q.word)
		}
	}
	if lacks == nil {
		return nil
	}
	is := build.Verdict
	for _, a := range report.Allocators {
		is += ", with " + a.Path
	}
	return &RequireError{who, fmt.Sprintf("the spec requires %s; it is %s; use another build, or remove these words from runtime.require",
		strings.Join(lacks, ", "), is)}
}
