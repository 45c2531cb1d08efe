package image

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
)

// Runtimes describes the runtime in each platform of an image, and returns the entries that it skipped. With only, it reads only
// these platforms.
func Runtimes(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []spec.Platform) ([]python.Inspection, []Skipped, error) {
	var all []python.Inspection
	skipped, err := eachContents(ctx, index, store, only, func(c Contents) error {
		report, err := python.Read(c.Tree.Entries())
		all = append(all, python.Inspection{Platform: c.Platform.String(), Digest: c.Digest, Report: report})
		return err
	})
	return all, skipped, err
}

// runtimeParts are the image's CPython and how it was built, the allocators and the libraries that came with them, by name. What packages
// have installed is not among them.
func (c Contents) runtimeParts() (map[string]string, error) {
	r, err := python.Read(c.Tree.Entries())
	if err != nil {
		return nil, err
	}
	packages, err := c.versions()
	if err != nil {
		return nil, err
	}
	owner, err := c.owners()
	if err != nil {
		return nil, err
	}
	parts := make(map[string][]string)
	if p := r.Python; p != nil && (p.Version == "" || !strings.HasPrefix(packages["python3"], p.Version)) {
		parts["python"] = []string{p.Version + " (" + p.Verdict + ")"}
	}
	for _, a := range r.Allocators {
		at := strings.TrimPrefix(a.Path, "/")
		if n, err := c.Tree.Lookup(at); err == nil && owner(n.Path).Package == "" { // no file says its version
			parts[a.Name] = append(parts[a.Name], fmt.Sprintf("%s of %d bytes", a.Path, fileSize(n.Entry.Header)))
		}
	}
	for _, b := range r.Bundled {
		if b.Version != "" && owner(strings.TrimPrefix(b.Path, "/")).Package == "" && !slices.Contains(parts[b.Name], b.Version) {
			parts[b.Name] = append(parts[b.Name], b.Version)
		}
	}
	joined := make(map[string]string, len(parts))
	for name, all := range parts {
		slices.Sort(all)
		joined[name] = strings.Join(all, ", ")
	}
	return joined, nil
}

// runtimeIn describes the CPython of an image that pyimg made. It reads only layers whose names show that they have one, and returns
// nil if there is none.
func runtimeIn(ctx context.Context, img v1.Image, report []LayerReport, store *layers.Store) (*python.Build, error) {
	ls, err := img.Layers()
	if err != nil || store == nil {
		return nil, err
	}
	for i, l := range ls {
		from, ours := strings.CutPrefix(report[i].From, lock.HistoryPrefix)
		if !ours || !strings.HasPrefix(from, "runtime ") && !strings.HasPrefix(from, "apk python3=") {
			continue
		}
		s, err := store.FactsOf(ctx, layers.Source{Name: "layer " + report[i].Digest, Digest: report[i].Digest,
			Open: func(context.Context) (io.ReadCloser, error) { return l.Compressed() }})
		if err != nil {
			return nil, err
		}
		r, err := python.Read(s.Entries())
		if err != nil || r.Python != nil {
			return r.Python, err
		}
	}
	return nil, nil
}
