package many

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/termtext"
)

// Error names each image that failed. Those that failed for the same reason, such as a registry that is down, share its text.
func (f *Faults) Error() string {
	specs := map[string][]string{}
	var texts []string
	for _, fault := range f.Faults {
		text := fault.Err.Error()
		if specs[text] == nil {
			texts = append(texts, text)
		}
		specs[text] = append(specs[text], fault.Spec)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %s failed", len(f.Faults), termtext.Count(f.Of, "image"))
	for _, text := range texts {
		names := strings.Join(specs[text], ", ")
		if strings.HasPrefix(text, names+":") { // faults of a spec say where they are
			names = ""
		} else {
			names += ": "
		}
		b.WriteString("\n  " + names + strings.ReplaceAll(text, "\n", "\n    "))
	}
	return b.String()
}

// Warnings collects what several images are warned of. It must not be used concurrently.
type Warnings struct {
	texts  []string
	images map[string][]int // by text
}

// Add adds a warning of image number i.
func (w *Warnings) Add(i int, text string) {
	if w.images == nil {
		w.images = map[string][]int{}
	}
	of, known := w.images[text]
	if !known {
		w.texts = append(w.texts, text)
	}
	if !slices.Contains(of, i) {
		w.images[text] = append(of, i)
	}
}

// Lines returns each warning once, with the specs that it is of, in the order of the images.
func (w *Warnings) Lines(images []Image) []string {
	slices.SortStableFunc(w.texts, func(a, b string) int { return slices.Min(w.images[a]) - slices.Min(w.images[b]) })
	lines := make([]string, len(w.texts))
	for i, text := range w.texts {
		if lines[i] = text; len(images) == 1 {
			continue // there is nothing to tell apart, and pyimg.yaml may not be named
		}
		lines[i] = among(images, w.images[text]) + ": " + text
	}
	return lines
}

// among names some of the images: the first ones, and how many there are.
func among(images []Image, of []int) string {
	const named = 3 // what follows them is what somebody wants to read
	slices.Sort(of)
	var specs []string
	for _, i := range of {
		specs = append(specs, images[i].Spec)
	}
	if n := len(specs); n > named+1 {
		return fmt.Sprintf("%s and %d others", strings.Join(specs[:named], ", "), n-named)
	}
	return strings.Join(specs, ", ")
}
