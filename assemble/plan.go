package assemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers"
)

// Sources is where a build reads from and what it works with.
type Sources struct {
	Fetch   Opener        // where it is an apk.ConditionalOpener, indexes are asked for only if they changed
	Keyring *apk.Keyring  // nil: signatures are not asked for
	Images  Images        // nil: a runtime cannot come out of an image
	Store   *layers.Store // where indexes are kept, too; may be nil where only packages are resolved
	Jobs    int           // packages ingested at once, over all platforms; 0: twice GOMAXPROCS
	// AllowUntrusted asks for no signatures. It is noted in the lock.
	AllowUntrusted bool
	Progress       Progress // nil: nobody is told of what is fetched
	// Warn is told what a person should know though it stops nothing; nil: nobody is. Calls do not overlap.
	Warn func(string)

	releases *releases // of python-build-standalone, as they were found in this run
}

// Opener opens URLs, file URLs and paths for reading.
type Opener interface {
	Open(ctx context.Context, url string) (io.ReadCloser, error)
}

// keyring is what apk is to check signatures with: nil where none are asked for.
func (s Sources) keyring() *apk.Keyring {
	switch {
	case s.AllowUntrusted:
		return nil
	case s.Keyring == nil:
		return apk.NewKeyring() // trusts nothing
	}
	return s.Keyring
}

// indexOptions are those of an index of any repository for an architecture of Alpine's.
func (s Sources) indexOptions(arch string) apk.IndexOptions {
	o := apk.IndexOptions{Arch: arch, Keyring: s.keyring()}
	if s.Store != nil {
		o.Cache = s.Store
	}
	return o
}

// warn says what was found for each platform.
func (s Sources) warn(platforms []Platform, texts [][]string) {
	if s.Warn == nil {
		return
	}
	for _, n := range byPlatforms(platforms, texts) {
		s.Warn(n.where + ": " + n.text)
	}
}

// Plan says which bytes an image is made of, for each platform. Everything in it is pinned by a digest.
type Plan struct {
	Spec      Spec
	Platforms []PlatformPlan // in the order of the image index

	repositories repositories
	files        *LockedFiles // by a lock; nil: as they are
	locked       bool         // by a lock: packages hold no more than it says, until their control streams are read
}

// PlatformPlan is the plan for one platform.
type PlatformPlan struct {
	Platform Platform
	Dialect  apk.Dialect
	World    []apk.Dependency // what was asked for, by the spec and by what the runtimes need
	Packages []*apk.Package   // in install order
	Tags     []string         // by package: the tag that opened its repository, see solve.Solution
	Runtimes []RuntimePlan
	Preload  string            // path of the allocator's library in the image; "" without one
	Env      map[string]string // that the runtimes and the allocator ask for
	Created  time.Time         // that of the lock; zero where none is in force
	Notes    []string          // what a person should know

	allocator Allocator // the spec's, settled for this platform
}

// RuntimePlan is a runtime of one platform, ingested.
type RuntimePlan struct {
	Source string // as the spec says it, templates unfilled
	URL    string // templates filled in, ready to be opened
	Public string // the same as it may be written down: without credentials, a file as the spec names it
	Digest string // of the tarball, or of an image's manifest for the platform
	Pinned bool   // something vouches for the digest: the spec, a lock, a release's sums
	Layer  Layer
	Report python.Report     // what it is
	Env    map[string]string // that it needs in the image
	Notes  []string          // what a person should know
}

// Layer is one layer of an image.
type Layer struct {
	layers.Blob
	From    string   // what it holds, such as "apk busybox=1.36.1-r29"
	Reasons []Reason // why its bytes are not those of its source; none for a verbatim layer

	recipe *Recipe // how it was made of its sources; nil for a verbatim layer and for the last one
}

// compressionOf is the blob's compression as the spec names it.
func compressionOf(b layers.Blob) string {
	if strings.HasSuffix(b.MediaType, "zstd") {
		return "zstd"
	}
	return "gzip"
}

// eachPlatform runs do for all platforms at once. It returns all their errors, each with the platforms it concerns.
func eachPlatform(platforms []Platform, do func(i int) error) error {
	errs := make([]error, len(platforms))
	var wg sync.WaitGroup
	for i := range platforms {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return joinByPlatform(platforms, errs)
}

// joinByPlatform joins the errors of the platforms; one that several share is said once.
func joinByPlatform(platforms []Platform, errs []error) error {
	texts := make([][]string, len(errs))
	byText := make(map[string]error)
	for i, err := range errs {
		if err != nil {
			texts[i] = []string{err.Error()}
			byText[err.Error()] = err
		}
	}
	var joined []error
	for _, n := range byPlatforms(platforms, texts) {
		joined = append(joined, fmt.Errorf("%s: %w", n.where, byText[n.text]))
	}
	if len(joined) == 1 {
		return joined[0]
	}
	return errors.Join(joined...)
}

// note is a text and the platforms that it concerns.
type note struct{ where, text string }

// byPlatforms groups what is to be said of each platform, in the order in which it first comes up.
func byPlatforms(platforms []Platform, texts [][]string) []note {
	var order []string
	where := make(map[string][]string)
	for i, ts := range texts {
		for _, t := range ts {
			if where[t] == nil {
				order = append(order, t)
			}
			where[t] = append(where[t], platforms[i].String())
		}
	}
	notes := make([]note, len(order))
	for i, t := range order {
		notes[i] = note{strings.Join(where[t], ", "), t}
	}
	return notes
}
