package wheels

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/wheel/source"
)

// A Locator says where the wheels of a lock are fetched from: where the lock says if that is one of the spec's sources, else where
// one of these has the file now. So a lock cannot have pyimg ask another host, and a URL with a query, which no lock holds, is taken
// from the spec's lock of Python packages or from the index. Without either it asks no index.
type Locator struct {
	spec       spec.Spec
	src        input.Access
	incomplete map[string]bool // by SHA-256
	pins       []lock.WheelIndex

	once    sync.Once
	listed  []source.File // by the spec's locks of Python packages
	indexes *Indexes
	err     error
}

// NewLocator is that of a lock that fits the spec.
func NewLocator(l lock.Lock, s spec.Spec, src input.Access) *Locator {
	out := &Locator{spec: s, src: src, incomplete: make(map[string]bool), pins: l.WheelIndexes}
	for _, p := range l.Platforms {
		for _, w := range p.Wheels {
			if w.Incomplete {
				out.incomplete[w.SHA256] = true
			}
		}
	}
	return out
}

// Locate returns the URL or path of a wheel as the lock has it. The error is a *lock.Error if none of the spec's sources has it.
func (l *Locator) Locate(ctx context.Context, f source.File) (string, error) {
	if l.covers(f) && !l.incomplete[f.Hashes["sha256"]] {
		return cmp.Or(f.Path, f.URL), nil
	}
	found, err := l.find(ctx, f)
	if err != nil {
		return "", fmt.Errorf("looking for wheel %q, which the lock takes from %s: %w", f.Filename.Text, redact.URL(cmp.Or(f.Path, f.URL)), err)
	}
	if found == "" {
		return "", &lock.Error{Err: fmt.Errorf(`it takes the wheel %q from %s, and none of the spec's sources has it now; write it again with "pyimg lock"`,
			f.Filename.Text, redact.URL(cmp.Or(f.Path, f.URL)))}
	}
	return found, nil
}

// covers reports whether a wheel is in a folder of the spec, is a file that the spec names, or is on the host of an index.
func (l *Locator) covers(f source.File) bool {
	if f.Path != "" {
		named := slices.ContainsFunc(l.spec.Python.Files(), func(name string) bool { return filepath.Clean(l.spec.Path(name)) == filepath.Clean(f.Path) })
		return named || slices.ContainsFunc(l.spec.Python.Indexes(), func(dir string) bool { return !spec.IsURL(dir) && isBelow(f.Path, l.spec.Path(dir)) })
	}
	at, err := url.Parse(f.URL)
	if err != nil {
		return false
	}
	if registryurl.IsLocation(f.URL) {
		return l.coversBlob(f.URL)
	}
	return slices.ContainsFunc(l.spec.Python.Indexes(), func(location string) bool {
		u, err := url.Parse(location)
		return err == nil && spec.IsURL(location) && u.Scheme == at.Scheme && slices.Contains(fileHosts(u.Host), strings.ToLower(at.Host))
	})
}

// coversBlob reports whether a blob is in the repository of an index of the spec.
func (l *Locator) coversBlob(location string) bool {
	at, err := registryurl.ParseLocation(location)
	return err == nil && at.Blob != "" && slices.ContainsFunc(l.spec.Python.Indexes(), func(where string) bool {
		ref, err := registryurl.ParseReference(where)
		return err == nil && registryurl.IsReference(where) && ref.Repository == at.Repository
	})
}

// fileHosts are the hosts where an index's server has the files: its own, and that of PyPI.
func fileHosts(host string) []string {
	host = strings.ToLower(host)
	switch host {
	case "pypi.org":
		return []string{host, "files.pythonhosted.org"}
	case "test.pypi.org":
		return []string{host, "test-files.pythonhosted.org"}
	}
	return []string{host}
}

func isBelow(at, dir string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	if at, err = filepath.Abs(at); err != nil {
		return false
	}
	rel, err := filepath.Rel(dir, at)
	return err == nil && filepath.IsLocal(rel)
}

// find looks in the spec's locks of Python packages, then in its indexes; "" where neither has the file.
func (l *Locator) find(ctx context.Context, f source.File) (string, error) {
	l.once.Do(func() { l.listed, l.indexes, l.err = l.sources(ctx) })
	if l.err != nil {
		return "", l.err
	}
	same := func(o source.File) bool {
		sum := o.Hashes["sha256"]
		return o.Filename.Text == f.Filename.Text && (sum == "" || sum == f.Hashes["sha256"])
	}
	if i := slices.IndexFunc(l.listed, same); i >= 0 {
		return cmp.Or(l.listed[i].Path, l.listed[i].URL), nil
	}
	files, err := l.indexes.Files(ctx, f.Filename.Name)
	if err != nil {
		return "", err
	}
	if i := slices.IndexFunc(files, same); i >= 0 {
		return cmp.Or(files[i].Path, files[i].URL), nil
	}
	return "", nil
}

// sources are the files that the spec's locks of Python packages list, and its indexes.
func (l *Locator) sources(ctx context.Context) (listed []source.File, indexes *Indexes, err error) {
	if len(l.spec.Python.Requirements) == 0 {
		for _, name := range l.spec.Python.InputFiles() {
			parsed, err := readLock(ctx, l.spec, name, l.src.Texts)
			if err != nil {
				return nil, nil, err
			}
			for _, f := range parsed.Wheels() {
				listed = append(listed, fromLockAt(f, l.spec.Path(name)))
			}
		}
	}
	indexes, err = OpenIndexes(ctx, l.spec, l.src, l.pins)
	return listed, indexes, err
}
