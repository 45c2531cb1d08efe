package many

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/termtext"
)

func (f *Faults) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %s failed", len(f.Faults), termtext.Count(f.Of, "image"))
	for _, fault := range f.Faults {
		b.WriteString("\n  " + strings.ReplaceAll(fault.text(), "\n", "\n    "))
	}
	return b.String()
}

// text says what went wrong, beginning with the spec.
func (f Fault) text() string {
	text := f.Err.Error()
	if strings.HasPrefix(text, f.Spec+":") { // faults of a spec say where they are
		return text
	}
	return f.Spec + ": " + text
}

// Warnings collects what several images are warned of. It must not be used concurrently.
type Warnings struct {
	texts []string
	specs map[string][]string // by text
}

// Add adds a warning of one image.
func (w *Warnings) Add(spec, text string) {
	if w.specs == nil {
		w.specs = map[string][]string{}
	}
	specs, known := w.specs[text]
	if !known {
		w.texts = append(w.texts, text)
	}
	if !slices.Contains(specs, spec) {
		w.specs[text] = append(specs, spec)
	}
}

// Lines returns each warning once, with the specs that it is of.
func (w *Warnings) Lines() []string {
	const named = 3 // the text is what somebody wants to read
	lines := make([]string, len(w.texts))
	for i, text := range w.texts {
		specs := w.specs[text]
		switch n := len(specs); {
		case n > named+1:
			lines[i] = fmt.Sprintf("%s, and %d others: %s", strings.Join(specs[:named], ", "), n-named, text)
		default:
			lines[i] = fmt.Sprintf("%s: %s", strings.Join(specs, ", "), text)
		}
	}
	return lines
}
