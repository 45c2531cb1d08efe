// Package many is for commands that do one thing for several images: which images a command line names, what {name} stands for in
// its flags, what two images must not share, and the faults of some of them. It does not know what is done.
package many

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/internal/exit"
)

// Placeholder stands for the image's name in references and paths.
const Placeholder = "{name}"

// An Image is one of the images of a command line.
type Image struct {
	Spec string // as the command line names it; "" for the spec that is in force where none is named
	Name string // what [Placeholder] stands for
}

// Images returns those that the arguments name, each once; without arguments the one that is in force.
func Images(args []string) ([]Image, error) {
	if len(args) == 0 {
		args = []string{""}
	}
	var out []Image
	seen := map[string]bool{}
	for _, spec := range args {
		file, err := filepath.Abs(spec)
		if err != nil {
			return nil, fmt.Errorf("finding spec %q: %w", spec, err)
		}
		if spec == "" && len(args) > 1 {
			return nil, exit.Usagef("one of the specs has no name; is a variable not set?")
		}
		if seen[file] {
			continue // patterns such as images/*.yaml and images/web*.yaml overlap
		}
		seen[file] = true
		out = append(out, Image{spec, nameOf(spec, file)})
	}
	return out, nil
}

// nameOf is the name of the spec's file without its ending. Where the file has the usual name, it is that of its folder.
func nameOf(spec, file string) string {
	if spec == "" {
		return filepath.Base(file) // the working directory
	}
	name := regexp.MustCompile(`\.(ya?ml|json)$`).ReplaceAllString(filepath.Base(file), "")
	if name == "pyimg" {
		return filepath.Base(filepath.Dir(file))
	}
	return name
}

// Keys returns a key for each image, by which results of several are found: its name, or its spec where another one has that name.
func Keys(images []Image) []string {
	count := map[string]int{}
	for _, i := range images {
		count[i.Name]++
	}
	keys := make([]string, len(images))
	for n, i := range images {
		if keys[n] = i.Name; count[i.Name] > 1 {
			keys[n] = i.Spec
		}
	}
	return keys
}

// Fill replaces the placeholder.
func (i Image) Fill(text string) string { return strings.ReplaceAll(text, Placeholder, i.Name) }

// FillAll replaces the placeholder in a copy of texts.
func (i Image) FillAll(texts []string) []string {
	out := make([]string, len(texts))
	for n, text := range texts {
		out[n] = i.Fill(text)
	}
	return out
}

// Flags returns the flags as they are for the image: those that may have the placeholder have its name.
func (i Image) Flags(set flags.Set) flags.Set { return filled{set, i} }

// fillable are the flags whose values may have the placeholder.
func fillable() []string {
	return []string{"push", "output", "lock", "digest-file", "metadata-file", "image-refs", "tekton-results"}
}

type filled struct {
	flags.Set
	image Image
}

func (f filled) String(name string) string {
	v := f.Set.String(name)
	if slices.Contains(fillable(), name) {
		v = f.image.Fill(v)
	}
	return v
}

func (f filled) StringSlice(name string) []string {
	v := f.Set.StringSlice(name)
	if slices.Contains(fillable(), name) {
		v = f.image.FillAll(v)
	}
	return v
}

// Apart returns an error where two images have a value that only one may have, such as a reference to push to. what says what the
// value is.
func Apart(images []Image, what string, values func(i int) []string) error {
	of := map[string]int{}
	var faults []error
	for i := range images {
		for _, v := range values(i) {
			first, taken := of[v]
			if taken && first != i {
				faults = append(faults, fmt.Errorf("%s and %s have the same %s, %s", images[first].Spec, images[i].Spec, what, v))
			}
			if !taken {
				of[v] = i
			}
		}
	}
	const shown = 10 // more say nothing new
	if n := len(faults); n > shown {
		faults = append(faults[:shown], fmt.Errorf("and %d more", n-shown))
	}
	if len(faults) == 0 {
		return nil
	}
	return exit.WrongUse(fmt.Errorf("%w; put %s into it, or take the images apart otherwise", errors.Join(faults...), Placeholder))
}
