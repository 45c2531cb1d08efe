package image

import (
	"context"
	"io"
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

// runtimeParts are the image's CPython, how it was built, the allocators and the libraries that came with them, by name.
func (c Contents) runtimeParts() (map[string]string, error) {
	r, err := python.Read(c.Tree.Entries())
	if err != nil {
		return nil, err
	}
	parts := make(map[string]string)
	if r.Python != nil {
		parts["python"] = r.Python.Version + " (" + r.Python.Verdict + ")"
	}
	for _, a := range r.Allocators {
		parts[a.Name] = a.Path
	}
	for _, b := range r.Bundled {
		if b.Version != "" {
			parts[b.Name] = b.Version
		}
	}
	return parts, nil
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
