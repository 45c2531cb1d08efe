package main

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/internal/exit"
)

// whereSpecSays is the value of a --push without one. It is no reference.
const whereSpecSays = "(where the spec says)"

// isSpecFile reports whether an argument after --push is a spec and no reference.
func isSpecFile(arg string) bool { return regexp.MustCompile(`\.ya?ml$`).MatchString(arg) }

// references are where an image is to be pushed: what --push names, and what the spec says where --push is alone. Nothing is pushed
// without --push, whatever the spec says: trying an image on a laptop must not publish it.
func references(set flags.Set, s spec.Spec, image many.Image) ([]string, error) {
	var refs []string
	for _, v := range set.StringSlice("push") {
		switch {
		case v != whereSpecSays:
			refs = append(refs, v)
		case len(s.Push) == 0:
			return nil, exit.Usagef("%s does not say where to push: write --push REF, or add the field push: [REF]", cmp.Or(s.Name, "the spec"))
		default:
			refs = append(refs, image.FillAll(s.Push)...)
		}
	}
	return tagged(refs, set.StringSlice("tag"))
}

// tagged gives tags to references that have none.
func tagged(refs, tags []string) ([]string, error) {
	if len(tags) == 0 {
		return refs, nil
	}
	if len(refs) == 0 {
		return nil, exit.Usagef("--tag gives tags to what --push names; add --push")
	}
	var out []string
	for _, ref := range refs {
		if last := ref[strings.LastIndexByte(ref, '/')+1:]; strings.ContainsAny(last, ":@") {
			out = append(out, ref)
			continue
		}
		for _, tag := range tags {
			if tag == "" {
				return nil, exit.Usagef("--tag is given without a value; leave it out, or is a variable not set?")
			}
			out = append(out, ref+":"+tag)
		}
	}
	return out, nil
}
