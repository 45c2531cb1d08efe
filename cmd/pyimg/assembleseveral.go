package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/ci"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push"
)

// assembleSeveral makes several images. It makes none where the command line itself is wrong, such as two images with one reference.
func assembleSeveral(ctx context.Context, run *session.Session, c *cli.Context, images []many.Image) error {
	if err := checkOutputFlags(c, images); err != nil {
		return err
	}
	s, err := newSeveral(ctx, run, c, images)
	if err != nil {
		return err
	}
	plans, errs := make([]assembly, len(images)), make([]error, len(images))
	var refs []string
	for i, image := range images {
		plans[i], errs[i] = newAssembly(ctx, run, s.console(i), c, image)
		refs = append(refs, plans[i].refs...)
	}
	if c.Bool("print-spec") {
		return s.printSpecs(ctx, plans, errs)
	}
	if err := takenApart(images, plans); err != nil {
		return err
	}
	if err := run.ReadLogin(refs...); err != nil {
		return err
	}
	key, err := signingKey(run, c)
	if err != nil {
		return err
	}
	for i := range plans {
		plans[i].key = key
	}
	return s.assemble(ctx, plans, errs)
}

// checkOutputFlags refuses files that can hold the result of one image only.
func checkOutputFlags(set flags.Set, images []many.Image) error {
	for _, flag := range []string{"digest-file", "lock"} {
		if v := set.String(flag); v != "" && !ofOneImage(set, flag) {
			return exit.Usagef("--%s %q is one file, and there are %d images; put %s into its name", flag, v, len(images), many.Placeholder)
		}
	}
	for _, v := range set.StringSlice("output") {
		if o, err := parseOutput(v); err == nil && console.OnStdout(o.path) {
			return exit.Usagef("--output %q: stdout can hold one image, and there are %d; name files, with %s for the images' names", v, len(images), many.Placeholder)
		}
	}
	for _, flag := range resultFiles() {
		if !ofOneImage(set, flag) {
			continue
		}
		if err := many.Apart(images, "file for --"+flag, func(i int) []string { return []string{images[i].Fill(set.String(flag))} }); err != nil {
			return err
		}
	}
	return nil
}

// takenApart refuses images of which one would take the place of the other.
func takenApart(images []many.Image, plans []assembly) error {
	byDigest := func(i int) bool { return plans[i].set.Bool("by-digest") } // takes nobody's place
	err := many.Apart(images, "reference to push to", func(i int) []string {
		if byDigest(i) {
			return nil
		}
		return tagsOf(plans[i].refs)
	})
	if err != nil {
		return err
	}
	return many.Apart(images, "place for --output", func(i int) []string {
		var places []string
		for _, o := range plans[i].outputs {
			place := filepath.Clean(o.path)
			if o.kind.Folder && o.name != "" { // a layout has several images
				place += ":" + o.name
			}
			places = append(places, place)
		}
		return places
	})
}

// tagsOf are the tags that references name, each written in one way.
func tagsOf(refs []string) []string {
	var tags []string
	for _, ref := range refs {
		if tag, err := name.NewTag(ref); err == nil {
			tags = append(tags, strings.TrimPrefix(tag.Name(), "index.docker.io/"))
		}
	}
	return tags
}

// printSpecs prints several specs as YAML documents.
func (s *several) printSpecs(ctx context.Context, plans []assembly, errs []error) error {
	for i, a := range plans {
		err := errs[i]
		if err == nil {
			fmt.Fprintf(s.run.Stdout, "---\n# %s\n", termtext.Line(s.images[i].Spec))
			err = printSpec(a.run, a.spec)
		}
		if err != nil {
			s.fail(i, err)
		}
	}
	return s.end(ctx)
}

// assemble makes the images and prints what came out of each, in their order. errs are of those that cannot be made.
func (s *several) assemble(ctx context.Context, plans []assembly, errs []error) error {
	results, keys := make([]push.Result, len(plans)), many.Keys(s.images)
	var all []ci.Image
	deliver := func(ctx context.Context, i int) (err error) {
		if errs[i] == nil {
			results[i], err = plans[i].deliver(ctx)
			return err
		}
		return errs[i]
	}
	many.Each(ctx, len(plans), deliver, func(i int, err error) {
		a, r := plans[i], results[i]
		plans[i], results[i] = assembly{}, push.Result{}
		s.show(func() { s.print(i, r, err) })
		if err == nil {
			err = s.writeOwn(ctx, a, r)
		}
		made := ci.Image{Key: keys[i], Spec: s.images[i].Spec, Result: r}
		if err != nil {
			s.fail(i, err)
			made.Fault = redact.Text(err.Error())
		}
		all = append(all, made)
	})
	s.show(func() { s.tell(all) })
	failed := s.end(ctx)
	written := s.writeTogether(ctx, all) // also of those that were made before others failed
	return cmp.Or(failed, written)
}

// print prints the result of one image: references and digest, a tab and the spec. A failure to write to stdout is found when the
// command ends.
func (s *several) print(i int, r push.Result, err error) {
	image := s.images[i]
	switch {
	case s.set.Bool("json"):
		result := jsonResult{Spec: image.Spec, Name: image.Name}
		if err != nil {
			result.Error, result.Code = redact.Text(err.Error()), exit.Of(err)
		} else if m, err := ci.NewMetadata(r); err == nil {
			result.Metadata = &m
		}
		_ = printJSON(s.run, result)
	case err == nil:
		_ = printLines(s.run, r, "\t"+termtext.Line(image.Spec))
	}
}

// ofOneImage reports whether the value of a flag has the images' names, so that each image has a file of its own.
func ofOneImage(set flags.Set, flag string) bool {
	return strings.Contains(set.String(flag), many.Placeholder)
}

// writeOwn writes the files that are of one image alone.
func (s *several) writeOwn(ctx context.Context, a assembly, r push.Result) error {
	own := slices.DeleteFunc(resultFiles(), func(flag string) bool { return !ofOneImage(s.set, flag) })
	if len(own) == 0 {
		return nil
	}
	m, err := ci.NewMetadata(r)
	if err != nil {
		return err
	}
	return writeResults(ctx, s.run, a.set, r, m, own)
}

// writeTogether writes the files that are of all images.
func (s *several) writeTogether(ctx context.Context, all []ci.Image) error {
	files := map[string]string{}
	if name := s.set.String("image-refs"); name != "" && !ofOneImage(s.set, "image-refs") {
		files[name] = strings.Join(append(ci.Refs(all), ""), "\n")
	}
	if name := s.set.String("metadata-file"); name != "" && !ofOneImage(s.set, "metadata-file") {
		metadata, err := ci.MetadataOf(all)
		if err != nil {
			return err
		}
		if files[name], err = indented(metadata); err != nil {
			return err
		}
	}
	if dir := s.set.String("tekton-results"); dir != "" && !ofOneImage(s.set, "tekton-results") {
		results, named := ci.TektonOf(all)
		if pushed := len(ci.Refs(all)); named < pushed {
			s.run.Warn(fmt.Sprintf("the Tekton result IMAGES has room for %d of %s; read the others from --image-refs or --metadata-file", named, termtext.Count(pushed, "reference")))
		}
		maps.Copy(files, inFolder(dir, results))
	}
	if err := writeFiles(ctx, s.run, files); err != nil {
		return err
	}
	return ci.GitHubOf(s.run.Getenv, all)
}

// tell says what it took: on a terminal, and where nothing was written.
func (s *several) tell(all []ci.Image) {
	var total push.Result
	made := 0
	for _, i := range all {
		if i.Fault != "" {
			continue
		}
		made++
		total.Refs = append(total.Refs, i.Result.Refs...)
		total.BlobsSent, total.BytesSent = total.BlobsSent+i.Result.BlobsSent, total.BytesSent+i.Result.BytesSent
		total.BlobsMounted, total.BlobsPresent = total.BlobsMounted+i.Result.BlobsMounted, total.BlobsPresent+i.Result.BlobsPresent
	}
	mode, written := s.set.String("progress"), len(s.set.StringSlice("output")) > 0
	took := fmt.Sprintf("%.1f s", time.Since(s.run.Started).Seconds())
	switch {
	case made == 0 || mode == "quiet":
	case len(total.Refs) == 0 && !written:
		fmt.Fprintf(s.run.Stderr, "pyimg: %s made, and nothing was written: add --push for where the specs say, --push REF with %s in it, or --output\n",
			termtext.Count(made, "image"), many.Placeholder)
	case !s.run.Terminal || mode != "" && mode != "auto":
	case len(total.Refs) == 0:
		fmt.Fprintf(s.run.Stderr, "pyimg: %s written in %s\n", termtext.Count(made, "image"), took)
	default:
		fmt.Fprintf(s.run.Stderr, "pyimg: %s pushed in %s: %s\n", termtext.Count(made, "image"), took, sent(total))
	}
}
