package push

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

const (
	// maxRounds bounds how often the list under the tag is written again after other processes overwrote it.
	maxRounds = 20
	// minSettle and maxSettle bound how long the list is watched after a write. Another process may have read the list
	// before that write; its own write then removes our entry.
	minSettle = time.Second
	maxSettle = 20 * time.Second
	// settleFactor bounds how much slower than our own reads and writes those of another process may be.
	settleFactor = 3
	// minLook is the shortest pause between two reads of the list.
	minLook = 100 * time.Millisecond
	// maxDescribed bounds how many manifests are read to find the artifact types that a list lacks.
	maxDescribed = 1000
	// maxAdded bounds how many entries of other processes are remembered.
	maxAdded = 1024
)

// referrersTag returns the tag that lists the referrers of an image where the registry has no referrers API. See the
// OCI distribution-spec, "Referrers Tag Schema".
func referrersTag(h v1.Hash) string { return h.Algorithm + "-" + h.Hex }

// addReferrers adds entries to the list under a tag. Registries cannot lock the list, and few obey If-Match, so
// processes that write at the same time overwrite each other. Each process therefore watches the list until no other
// write can still be on its way. Where another process overwrote its entries, it adds them again, together with those
// that it saw others add. Without watch a process only writes.
func addReferrers(ctx context.Context, s *remote.Repository, tag string, entries []v1.Descriptor, watch bool) error {
	l := &referrers{Repository: s, tag: tag, entries: entries, adding: slices.Clone(entries)}
	var lost error
	for round := range maxRounds {
		// A random pause, so that two processes that collided do not collide again.
		if err := patience.Sleep(ctx, rand.N(time.Duration(round)*l.took+1)); err != nil {
			return err
		}
		var wrote bool
		if wrote, lost = l.add(ctx); lost != nil {
			if !mayPass(lost) {
				return lost
			}
			continue
		}
		if !wrote && round == 0 || !watch {
			return nil // the entries were in the list already, or nobody else changes it
		}
		if kept, err := l.stays(ctx); kept || err != nil {
			return err
		}
	}
	if lost == nil {
		lost = errors.New("other processes keep changing the list; try again later")
	}
	return s.Fail(fmt.Sprintf("listing %q under tag %q", entries[0].Digest, tag), lost)
}

// mayPass reports whether writing the list may succeed after the list has been read again.
func mayPass(err error) bool {
	var e *remote.Error
	return errors.As(err, &e) && (e.Status == http.StatusPreconditionFailed || e.Status == http.StatusConflict ||
		patience.TemporaryStatus(e.Status) || patience.Temporary(e.Err))
}

// referrers is the list under a tag to which entries are being added.
type referrers struct {
	*remote.Repository
	tag     string
	entries []v1.Descriptor

	first  *v1.IndexManifest // the list as it was at first
	adding []v1.Descriptor   // the entries, and those that other processes have added since
	took   time.Duration     // the longest of our reads and writes
}

// read reads the list and notes the entries that other processes added.
func (l *referrers) read(ctx context.Context) (*v1.IndexManifest, string, error) {
	list, etag, err := taggedReferrers(ctx, l.Repository, l.tag)
	if err != nil {
		return nil, "", err
	}
	if l.first == nil {
		l.first = list
	}
	known := digests(l.first.Manifests, l.adding)
	for _, d := range list.Manifests {
		if !known[d.Digest] && len(l.adding) < maxAdded {
			known[d.Digest] = true
			l.adding = append(l.adding, d)
		}
	}
	return list, etag, nil
}

// add reads the list and writes it with the entries that it lacks. It tries the write once, because the list may change
// before a second try.
func (l *referrers) add(ctx context.Context) (wrote bool, err error) {
	began := time.Now()
	list, etag, err := l.read(ctx)
	if err != nil || listsAll(list.Manifests, l.entries) {
		return false, err
	}
	now := *list
	now.Manifests = slices.Clone(list.Manifests)
	there := digests(list.Manifests)
	for _, d := range l.adding {
		if !there[d.Digest] {
			there[d.Digest] = true
			now.Manifests = append(now.Manifests, d)
		}
	}
	raw, err := json.Marshal(now)
	if err != nil {
		return false, err
	}
	m := oci.Manifest{Desc: v1.Descriptor{MediaType: types.OCIImageIndex, Digest: oci.SHA256(raw), Size: int64(len(raw))}, Raw: raw}
	h := http.Header{}
	if etag != "" {
		h.Set("If-Match", etag)
	}
	_, err = l.PutManifestIf(patience.Policy{Tries: 1}.Start().Context(ctx), m, l.tag, h)
	l.took = max(l.took, time.Since(began))
	return true, err
}

// stays watches the list until every write that began before ours must have arrived. It reports whether our entries are
// still in the list.
func (l *referrers) stays(ctx context.Context) (bool, error) {
	settle := min(minSettle+settleFactor*l.took, maxSettle)
	for end := time.Now().Add(settle); ; {
		if err := patience.Sleep(ctx, max(minLook, l.took/4)); err != nil {
			return false, err
		}
		over := !time.Now().Before(end)
		list, _, err := l.read(ctx)
		if err != nil || !listsAll(list.Manifests, l.entries) {
			return false, err
		}
		if over {
			return true, nil
		}
	}
}

func listsAll(ds, entries []v1.Descriptor) bool {
	there := digests(ds)
	return !slices.ContainsFunc(entries, func(e v1.Descriptor) bool { return !there[e.Digest] })
}

// digests returns the set of the digests in lists.
func digests(lists ...[]v1.Descriptor) map[v1.Hash]bool {
	set := make(map[v1.Hash]bool)
	for _, ds := range lists {
		for _, d := range ds {
			set[d.Digest] = true
		}
	}
	return set
}

// taggedReferrers reads the list under a tag, and its ETag if the registry sends one. It returns an empty list where
// there is no such tag.
func taggedReferrers(ctx context.Context, s *remote.Repository, tag string) (list *v1.IndexManifest, etag string, err error) {
	desc, raw, etag, err := s.Get(ctx, "manifests", tag)
	err = s.Fail(fmt.Sprintf("reading the list of referrers under tag %q", tag), err)
	if remote.IsMissing(err) {
		return &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	list, err = v1.ParseIndexManifest(bytes.NewReader(raw))
	if err == nil && !desc.MediaType.IsIndex() {
		err = fmt.Errorf("its media type is %q, expected an index", desc.MediaType)
	}
	return list, etag, s.Fail(fmt.Sprintf("reading the list of referrers under tag %q", tag), err)
}

// Referrers lists the artifacts that refer to the image that ref names, and returns the image's descriptor as subject.
// It lists only those of artifactType, unless that is "".
func (r Registry) Referrers(ctx context.Context, ref, artifactType string) (subject v1.Descriptor, list []v1.Descriptor, err error) {
	type listing struct {
		subject v1.Descriptor
		list    []v1.Descriptor
	}
	out, err := patience.Promptly(ctx, func() (listing, error) {
		s, subject, err := r.subject(ctx, ref, "pull")
		if err != nil {
			return listing{}, err
		}
		list, err := listReferrers(ctx, s, subject.Digest)
		describe(ctx, s, list)
		return listing{subject, list}, err
	})
	for _, d := range out.list {
		if artifactType == "" || d.ArtifactType == artifactType {
			list = append(list, d)
		}
	}
	return out.subject, list, err
}

func listReferrers(ctx context.Context, s *remote.Repository, subject v1.Hash) ([]v1.Descriptor, error) {
	_, raw, _, err := s.Get(ctx, "referrers", subject.String())
	err = s.Fail(fmt.Sprintf("asking what is attached to %q", subject), err)
	if remote.IsMissing(err) {
		list, _, err := taggedReferrers(ctx, s, referrersTag(subject))
		if err != nil {
			return nil, err
		}
		return list.Manifests, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, s.Fail(fmt.Sprintf("reading what is attached to %q", subject), err)
	}
	return list.Manifests, nil
}

// describe fills in artifact types from the manifests where the list has none or has the type of the empty config, as
// lists of some tools do. It leaves an entry unchanged where it cannot read the manifest.
func describe(ctx context.Context, s *remote.Repository, list []v1.Descriptor) {
	var group errgroup.Group
	group.SetLimit(maxAsking)
	asked := 0
	for i := range list {
		if d := &list[i]; (d.ArtifactType == "" || d.ArtifactType == emptyType) && asked < maxDescribed {
			asked++
			group.Go(func() error {
				if _, raw, err := s.Manifest(ctx, d.Digest.String()); err == nil {
					d.ArtifactType = artifactType(raw, d.ArtifactType)
				}
				return nil
			})
		}
	}
	_ = group.Wait()
}

// artifactType returns a manifest's artifact type: its own field or, for images before OCI 1.1, the media type of its
// config.
func artifactType(raw []byte, listed string) string {
	var m struct {
		ArtifactType string        `json:"artifactType"`
		Config       v1.Descriptor `json:"config"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return listed
	}
	return cmp.Or(m.ArtifactType, string(m.Config.MediaType), listed)
}
