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
	Source string // as the spec says it, templates unfilled
	URL    string // templates filled in, ready to be opened
	Public string // the same as it may be written down: without credentials, a file as the spec names it
	Digest string // of the tarball, or of an image's manifest for the platform
	Pinned bool   // something vouches for the digest: the spec, a lock, a release's sums
	Layer  lock.Layer
	Report python.Report     // what it is
	Env    map[string]string // that it needs in the image
}

// Notes are what a person should know of a runtime.
func (p Ingested) Notes() []string {
	var notes []string
	switch {
	case p.Pinned:
	case strings.HasPrefix(p.URL, spec.FromImage):
		notes = append(notes, fmt.Sprintf("runtime %s is a tag that may move; it names %s now, which a lock keeps", p.Public, p.Digest))
	case spec.IsURL(p.URL):
		notes = append(notes, fmt.Sprintf("runtime %s is not pinned, so nothing vouches for its bytes; they have sha256: %s",
			p.Public, strings.TrimPrefix(p.Digest, "sha256:")))
	}
	if python := p.Report.Python; python != nil && python.ThreadStackSize == 0 && strings.HasPrefix(p.Source, spec.FromStandalone) {
		notes = append(notes, fmt.Sprintf("%s sets no stack size for threads, so they have musl's 128 KiB; threading.stack_size() sets another", p.Public))
	}
	return notes
}
