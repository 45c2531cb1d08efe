package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/pack"
	"github.com/pyimg/pyimg/wheels/audit"
	"github.com/pyimg/pyimg/wheels/pep517"
	"github.com/pyimg/pyimg/wheels/plan"
	"github.com/pyimg/pyimg/wheels/repository"
)

// maxRounds is how often a backend may ask for more requirements: once by its hook, and once more for those that lead to others.
const maxRounds = 4

// try builds an item once and adds the wheel to the index. log is the file with what the build printed.
func (b *builds) try(ctx context.Context, i *plan.Item, built *Built) (rec repository.Record, log string, err error) {
	dir, err := b.workDir()
	if err != nil {
		return rec, "", err
	}
	defer func() {
		if !isFailure(err) {
			_ = os.RemoveAll(dir) // what is left is in the folder for what is not kept
		}
	}()
	log = filepath.Join(dir, "log")
	out, err := os.Create(log)
	if err != nil {
		return rec, "", err
	}
	defer out.Close()
	rec, err = b.rounds(ctx, i, dir, &bounded{to: out}, built)
	return rec, log, err
}

// rounds builds an item until its backend asks for nothing more.
func (b *builds) rounds(ctx context.Context, i *plan.Item, dir string, log io.Writer, built *Built) (rec repository.Record, err error) {
	defer func() {
		if err != nil {
			fmt.Fprintf(log, "pyimg: %v\n", err)
		}
	}()
	var keys []string // by which the plan knows the item
	for range maxRounds {
		wheel, again, err := b.round(ctx, i, dir, log, built, false)
		if err != nil {
			return rec, err
		}
		if again == nil {
			if rec, err = b.finish(ctx, i, wheel, dir, built); err == nil {
				b.alias(rec, keys, built)
			}
			return rec, err
		}
		keys = append(keys, i.Key)
		i = again
		if f, ok := built.Wheel(i.Key); ok { // it was built before, when this was known
			if rec, err = b.Index.Record(f.Filename.Text); err == nil {
				b.alias(rec, keys, built)
			}
			return rec, err
		}
	}
	return rec, &failedError{errors.New("its backend asks for other requirements again and again")}
}

// alias has items that ask for other keys of a build find its wheel in this run.
func (b *builds) alias(rec repository.Record, keys []string, built *Built) {
	rec.Keys = keys
	built.add(rec)
}

// round runs the build with the requirements that are known. again is the item with more of them.
func (b *builds) round(ctx context.Context, i *plan.Item, dir string, log io.Writer, built *Built, askOnly bool) (wheel string, again *plan.Item, err error) {
	files, dists, err := b.environment(ctx, i, built)
	if err != nil {
		return "", nil, err
	}
	native := b.targets[b.targets[i.Target].Native]
	unmet, err := distinfo.Check(dists, native.Target.Environment, nil)
	if err != nil {
		return "", nil, &failedError{err}
	}
	if len(unmet) > 0 { // what an sdist did not say of its wheel
		more := slices.Clone(i.Dynamic)
		for _, u := range unmet {
			more = append(more, u.Requirement)
		}
		return b.again(ctx, i, more)
	}
	for _, q := range i.Requires {
		fmt.Fprintf(log, "pyimg: with %s %s\n", q.Project, q.Version)
	}
	root, sysroot, err := b.Roots.Root(ctx, i.Target, b.Config.For(i.Project).Packages)
	if err != nil {
		return "", nil, err
	}
	prepared, err := b.prepare(ctx, i, root, files, dir)
	if err != nil {
		return "", nil, err
	}
	job, err := b.job(ctx, i, prepared, sysroot, log)
	if err != nil {
		return "", nil, err
	}
	job.AskOnly = askOnly
	r, err := pep517.Run(ctx, root, job, dir)
	if err != nil || r.Wheel != "" || askOnly && !slices.ContainsFunc(r.Requires, func(q string) bool { return !slices.Contains(i.Dynamic, q) }) {
		return r.Wheel, nil, err
	}
	return b.again(ctx, i, append(slices.Clone(i.Dynamic), r.Requires...))
}

// prepare makes the environment of a build, which those have in common that need the same.
func (b *builds) prepare(ctx context.Context, i *plan.Item, root pep517.Root, wheels []required, work string) (string, error) {
	env := pep517.Environment{Target: b.targets[b.targets[i.Target].Native].Target, Limits: b.Limits, Notice: b.Notice}
	if len(i.Sdist.Content.BackendPath) == 0 {
		env.Backend = i.Sdist.Content.Backend
	}
	key := fmt.Sprintf("environment 1 %q %q %q", root.Lower, root.Python, env.Backend)
	for _, w := range wheels {
		env.Wheels = append(env.Wheels, w.file)
		key += fmt.Sprintf(" %q", filepath.Base(w.file)+" "+w.sha256)
	}
	dir, err := b.Folders.Folder(ctx, key, func(dir string) (int64, error) { return env.Prepare(ctx, root, dir, work) })
	if wrong := (*pep517.InstallError)(nil); errors.As(err, &wrong) {
		err = &failedError{fmt.Errorf("installing its build requirements: %w", err)}
	}
	return dir, err
}

func (b *builds) again(ctx context.Context, i *plan.Item, dynamic []string) (string, *plan.Item, error) {
	slices.Sort(dynamic)
	again, err := b.Planner.Again(ctx, i, slices.Compact(dynamic))
	if err != nil && ctx.Err() == nil {
		err = &failedError{err}
	}
	return "", again, err
}

func (b *builds) job(ctx context.Context, i *plan.Item, prepared string, sysroot pep517.Target, log io.Writer) (pep517.Job, error) {
	more := b.Config.For(i.Project)
	sdist, err := b.Download.SdistFile(ctx, i.Sdist)
	if err != nil {
		return pep517.Job{}, err
	}
	job := pep517.Job{Sdist: sdist, Info: i.Sdist.Content, Granted: i.Dynamic, Prepared: prepared, Target: sysroot, Limits: b.Limits, Log: log, Notice: b.Notice}
	for _, p := range more.Patches {
		job.Patches = append(job.Patches, b.Config.Path(p))
	}
	for name, value := range more.Env {
		job.Env = append(job.Env, name+"="+b.Roots.Expand(i.Target, value))
	}
	slices.Sort(job.Env)
	if len(more.Settings) > 0 {
		job.Settings = make(map[string]string, len(more.Settings))
	}
	for name, value := range more.Settings {
		job.Settings[name] = b.Roots.Expand(i.Target, value)
	}
	return job, nil
}

// required is the wheel of a build requirement.
type required struct{ file, sha256 string }

// environment is the wheels of a build's environment, with those built first that are not there yet.
func (b *builds) environment(ctx context.Context, i *plan.Item, built *Built) (files []required, dists []distinfo.Metadata, err error) {
	for _, q := range i.Requires {
		w := q.Wheel
		if w == nil {
			r, err := b.item(ctx, q.Item, built)
			if err != nil {
				return nil, nil, err
			}
			f, ok := built.Wheel(q.Item.Key)
			if !ok {
				return nil, nil, &failedError{fmt.Errorf("its build requirement %s %s was not built: %s", q.Project, q.Version, r.Reason)}
			}
			opened, err := b.Download.Wheel(ctx, index.File{File: f})
			if err != nil {
				return nil, nil, err
			}
			w = &opened
		}
		file, err := b.Download.WheelFile(ctx, *w)
		if err != nil {
			return nil, nil, err
		}
		files, dists = append(files, required{file, w.SHA256}), append(dists, w.Metadata)
	}
	return files, dists, nil
}

// finish gives a wheel its name and its bytes, audits it, and adds it to the index.
func (b *builds) finish(ctx context.Context, i *plan.Item, file, dir string, built *Built) (repository.Record, error) {
	t := b.targets[i.Target]
	machine := t.Target.Environment.PlatformMachine
	musl := t.Target.Tags.Tags()[0]
	musl = musl[strings.LastIndexByte(musl, '-')+1:]
	packed, err := repack(ctx, file, filepath.Join(dir, "packed"), func(platform string) string {
		if platform == "linux_"+machine {
			return musl
		}
		return platform
	})
	if err != nil {
		return repository.Record{}, &failedError{err}
	}
	rec := repository.Record{File: filepath.Base(packed), Keys: []string{i.Key}, Dynamic: i.Dynamic,
		Sdist: repository.Locked{Name: i.Project, Version: i.Version, File: i.Sdist.File, SHA256: i.Sdist.SHA256}}
	provides := func(ctx context.Context, _ string, sonames []string) (found []repository.Alpine, err error) {
		rec.Needs.Branch, found, err = b.Roots.Provides(ctx, i.Target, sonames)
		return found, err
	}
	report, err := audit.File(ctx, packed, audit.Options{Target: &t.Target, Provides: provides})
	if err != nil {
		return rec, err
	}
	if err := report.Err(); err != nil {
		return repository.Record{}, &failedError{fmt.Errorf("auditing what was built: %w", err)}
	}
	rec.Needs.So, rec.Needs.Alpine = report.Needs, report.Provided
	for _, q := range i.Requires {
		l := repository.Locked{Name: q.Project, Version: q.Version.String()}
		if q.Wheel != nil {
			l.File, l.SHA256 = q.Wheel.Filename.Text, q.Wheel.SHA256
		} else if own, ok := built.Wheel(q.Item.Key); ok {
			l.File, l.SHA256 = own.Filename.Text, built.digest(q.Item.Key)
		}
		rec.Requires = append(rec.Requires, l)
	}
	if rec, err = b.Index.Add(packed, rec); err == nil {
		built.add(rec)
	}
	return rec, err
}

func repack(ctx context.Context, file, dir string, rename pack.Renamer) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	w, err := wheel.Open(f, info.Size(), filepath.Base(file))
	if err != nil {
		return "", err
	}
	at := filepath.Join(dir, pack.Filename(w, rename))
	out, err := os.Create(at)
	if err != nil {
		return "", err
	}
	err = pack.Write(ctx, out, w, rename)
	return at, errors.Join(err, out.Close())
}

func oneLine(err error) string {
	const most = 500
	text, _, _ := strings.Cut(err.Error(), "\n")
	return termtext.Line(text[:min(len(text), most)])
}

// maxLog bounds a log: the longest real ones have some ten megabytes.
const maxLog = 64 << 20

// bounded writes the first bytes of a log.
type bounded struct {
	to   io.Writer
	size int64
}

func (w *bounded) Write(p []byte) (int, error) {
	n := min(int64(len(p)), maxLog-w.size)
	w.size += n
	if n > 0 {
		if _, err := w.to.Write(p[:n]); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
