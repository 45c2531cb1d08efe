package runtime

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
)

// Ingested is a runtime of one platform, ingested.
type Ingested struct {
	Source string // as the spec has it, templates not filled in
	URL    string // templates filled in, ready to be opened
	Public string // URL for locks and messages: without credentials, a file as the spec names it
	Digest string // of the tarball, or of an image's manifest for the platform
	Pinned bool   // the spec, a lock or a release's SHA256SUMS has the digest
	Layer  lock.Layer
	Report python.Report     // describes its files
	Env    map[string]string // variables that it needs in the image
}

// Notes returns messages for the user about a runtime.
func (p Ingested) Notes() []string {
	var notes []string
	switch {
	case p.Pinned:
	case strings.HasPrefix(p.URL, spec.FromImage):
		notes = append(notes, fmt.Sprintf("runtime %s is a tag that may move; it names %s now; a lock pins it", p.Public, p.Digest))
	case spec.IsURL(p.URL):
		notes = append(notes, fmt.Sprintf("runtime %s is not pinned, so its bytes are not verified; to pin it, set sha256: %s",
			p.Public, strings.TrimPrefix(p.Digest, "sha256:")))
	}
	if python := p.Report.Python; python != nil && python.ThreadStackSize == 0 && strings.HasPrefix(p.Source, spec.FromStandalone) {
		notes = append(notes, fmt.Sprintf("%s sets no stack size for threads, so they have musl's 128 KiB; threading.stack_size() sets another", p.Public))
	}
	return notes
}
