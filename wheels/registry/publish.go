package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Signer signs a manifest.json. The same text must have the same signature each time, or each writing has another digest.
type Signer func(manifest []byte) ([]byte, error)

const (
	// maxRounds bounds how often the index is written again after others wrote it.
	maxRounds = 30
	// minSettle and maxSettle bound how long the tag is watched after it was written: another process may have looked at it before
	// that, and write it a moment later.
	minSettle = 300 * time.Millisecond
	maxSettle = 10 * time.Second
	// settleFactor is how much slower than our own requests those of another process may be.
	settleFactor = 3
)

// Added is what is put into an index.
type Added struct {
	Parts   []Part
	Folders []*repository.Repository // that have the files of Parts
	Digests []string                 // of parts that jobs pushed, see PushPart
}

// A published is what is put into an index, once it was read.
type published struct {
	parts []Part
	own   []repository.Record // whose files may have to be sent
	files files
	known []artifact.Document            // of the parts that are in the registry
	logs  map[string]artifact.Descriptor // by name of the failure
	sign  Signer
}

// Publish adds parts to the index and moves its tag, unless the index has all that already. sign may be nil: then the index has no
// signature where anything changes.
func (x *Index) Publish(ctx context.Context, a Added, sign Signer) (State, error) {
	p := published{parts: a.Parts, files: newFiles(a.Parts, a.Folders...), sign: sign, logs: make(map[string]artifact.Descriptor)}
	for _, part := range a.Parts {
		for _, c := range part.Wheels {
			p.own = append(p.own, c.Record)
		}
	}
	for _, digest := range a.Digests {
		part, doc, logs, err := x.readPart(ctx, digest)
		if err != nil {
			return State{}, fmt.Errorf("reading the part %s@%s: %w", x.ref.Repository, digest, err)
		}
		p.parts, p.known = append(p.parts, part), append(p.known, doc)
		for _, l := range logs {
			p.logs[logName(l)] = l
		}
	}
	s, err := x.publish(ctx, p)
	if err != nil {
		return s, fmt.Errorf("writing the index of wheels %s: %w", x.ref, err)
	}
	return s, nil
}

func (x *Index) publish(ctx context.Context, p published) (State, error) {
	blobs, err := wheelBlobs(p.own, p.files)
	if err == nil {
		err = x.send(ctx, blobs)
	}
	if err != nil {
		return State{}, err
	}
	var failed []repository.Failure
	for _, part := range p.parts {
		failed = append(failed, part.Failures...)
	}
	logs, err := x.sendLogs(ctx, failed, p.files.log)
	if err != nil {
		return State{}, err
	}
	for name, l := range p.logs {
		if _, newer := logs[name]; !newer {
			logs[name] = l
		}
	}
	state, err := x.writeIndex(ctx, p)
	if err != nil {
		return state, err
	}
	return x.mergeStatus(ctx, state, p.parts, logs)
}

// mergeStatus adds what failed.
func (x *Index) mergeStatus(ctx context.Context, state State, parts []Part, logs map[string]artifact.Descriptor) (State, error) {
	now, old, err := x.readStatus(ctx)
	if err != nil {
		return state, err
	}
	for _, l := range old {
		if _, newer := logs[logName(l)]; !newer {
			logs[logName(l)] = l
		}
	}
	state.Failures = Merge(Contents{Failures: now}, parts...).Failures
	state.logs = logsOf(state.Failures, logs)
	if len(now)+len(state.Failures) == 0 {
		return state, nil
	}
	return state, x.writeStatus(ctx, state.Failures, logs)
}

// writeIndex writes the index until what was written stays.
func (x *Index) writeIndex(ctx context.Context, p published) (State, error) {
	var lost error
	for range maxRounds {
		state, tag, err := x.current(ctx)
		if err != nil {
			return state, err
		}
		index, text, err := x.prepare(ctx, state, p)
		if err != nil || index.descriptor.Digest == state.Digest {
			return state, err
		}
		began := time.Now()
		if lost = x.move(ctx, index, tag); lost != nil {
			if !mayPass(lost) {
				return state, lost
			}
			if err := patience.Sleep(ctx, minSettle); err != nil {
				return state, err
			}
			continue
		}
		stays, err := x.stays(ctx, index.descriptor.Digest, time.Since(began))
		if err != nil {
			return state, err
		}
		if stays {
			state.Digest, state.Contents.Manifest = index.descriptor.Digest, text
			state.Manifest, err = repository.ParseManifest(text)
			return state, err
		}
	}
	if lost == nil {
		lost = errors.New("other processes keep changing it; try again later")
	}
	return State{}, lost
}

// tagged is what a tag named when it was read.
type tagged struct{ digest, etag string }

// current reads the index as its tag names it now.
func (x *Index) current(ctx context.Context) (State, tagged, error) {
	desc, _, etag, err := x.repo.Get(ctx, "manifests", x.ref.Tag)
	err = x.repo.Fail(fmt.Sprintf("reading manifest %q", x.ref.Tag), err)
	if isMissing(err) {
		return State{}, tagged{}, nil
	}
	if err != nil {
		return State{}, tagged{}, err
	}
	state, err := x.readAt(ctx, x.ref.Pinned(desc.Digest.String()))
	return state, tagged{desc.Digest.String(), etag}, err
}

// errMoved is the error where another process wrote the index after it was read.
var errMoved = errors.New("another process wrote it just now")

// move makes the tag name an index, unless it names another one than when it was read.
func (x *Index) move(ctx context.Context, to document, from tagged) error {
	now, err := x.repo.DigestOf(ctx, x.ref.Tag)
	if err != nil {
		return err
	}
	if now != from.digest {
		return errMoved
	}
	m, err := to.manifest()
	if err != nil {
		return err
	}
	h := http.Header{}
	if from.etag != "" {
		h.Set("If-Match", from.etag)
	}
	_, err = x.repo.PutManifestIf(patience.Policy{Tries: 1}.Start().Context(ctx), m, x.ref.Tag, h)
	return err
}

// stays watches the tag until no write that began before ours can be on its way.
func (x *Index) stays(ctx context.Context, digest string, took time.Duration) (bool, error) {
	end := time.Now().Add(min(minSettle+settleFactor*took, maxSettle))
	for {
		if err := patience.Sleep(ctx, max(minSettle/3, took/4)); err != nil {
			return false, err
		}
		over := !time.Now().Before(end)
		now, err := x.repo.DigestOf(ctx, x.ref.Tag)
		if err != nil || now != digest {
			return false, err
		}
		if over {
			return true, nil
		}
	}
}

// prepare stores all that the new index names, and returns it with its manifest.json.
func (x *Index) prepare(ctx context.Context, now State, p published) (index document, text []byte, err error) {
	merged := Merge(Contents{Wheels: now.Manifest.Wheels}, p.parts...)
	_, text, err = repository.NewManifest(merged.Wheels)
	if err != nil {
		return index, nil, err
	}
	list := []artifact.Descriptor{descriptorOf(artifact.ContentsMedia, text, repository.ManifestName)}
	blobs := []oci.Blob{blobOf([]byte(emptyConfig)), blobOf(text)}
	signature, err := signatureOf(now, text, p.sign)
	if err != nil {
		return index, nil, err
	}
	if signature != nil {
		list = append(list, descriptorOf(artifact.SignatureMedia, signature, repository.SignatureName))
		blobs = append(blobs, blobOf(signature))
	}
	sizes, err := x.sizes(ctx, merged.Wheels, p.files, append(slices.Clone(p.known), now.Index)...)
	if err != nil {
		return index, nil, err
	}
	index, manifests, err := assembled(artifact.IndexType, list, merged.Wheels, sizes)
	if err != nil || index.descriptor.Digest == now.Digest {
		return index, text, err
	}
	if err = x.send(ctx, blobs); err == nil {
		err = x.put(ctx, manifests)
	}
	return index, text, err
}

// assembled are an index, and the manifests that it names: the one with the list first.
func assembled(artifactType string, list []artifact.Descriptor, records []repository.Record, sizes map[string]int64) (index document, manifests []document, err error) {
	first, err := newManifest(artifact.ListType, list)
	if err != nil {
		return index, nil, err
	}
	files, err := filesManifests(records, sizes)
	if err != nil {
		return index, nil, err
	}
	index, err = newIndex(artifactType, first, files)
	return index, append([]document{first}, files...), err
}

// signatureOf is the signature of a manifest.json. Without a signer the one that is there stays while the text does.
func signatureOf(now State, text []byte, sign Signer) ([]byte, error) {
	switch {
	case sign != nil:
		return sign(text)
	case bytes.Equal(text, now.Contents.Manifest):
		return now.Signature, nil
	}
	return nil, nil
}

// PushPart stores a part by digest alone, with its wheels that a folder has, and returns the digest.
func (x *Index) PushPart(ctx context.Context, p Part, folder *repository.Repository) (string, error) {
	digest, err := x.pushPart(ctx, p, newFiles([]Part{p}, folder))
	if err != nil {
		return "", fmt.Errorf("pushing what was built to %s: %w", x.ref.Repository, err)
	}
	return digest, nil
}

func (x *Index) pushPart(ctx context.Context, p Part, files files) (string, error) {
	text, err := p.text()
	if err != nil {
		return "", err
	}
	records := make([]repository.Record, len(p.Wheels))
	for i, c := range p.Wheels {
		records[i] = c.Record
	}
	blobs, err := wheelBlobs(records, files)
	if err != nil {
		return "", err
	}
	if err := x.send(ctx, append(blobs, blobOf(text), blobOf([]byte(emptyConfig)))); err != nil {
		return "", err
	}
	logs, err := x.sendLogs(ctx, p.Failures, files.log)
	if err != nil {
		return "", err
	}
	sizes, err := x.sizes(ctx, records, files)
	if err != nil {
		return "", err
	}
	list := append([]artifact.Descriptor{descriptorOf(partMedia, text, "part.json")}, logsOf(p.Failures, logs)...)
	index, manifests, err := assembled(artifact.PartType, list, records, sizes)
	if err != nil {
		return "", err
	}
	if err := x.put(ctx, manifests); err != nil {
		return "", err
	}
	return index.descriptor.Digest, x.put(ctx, []document{index})
}

func (x *Index) readPart(ctx context.Context, digest string) (p Part, d artifact.Document, logs []artifact.Descriptor, err error) {
	if _, err := v1.NewHash(digest); err != nil {
		return p, d, nil, err
	}
	if d, err = x.document(ctx, artifact.Descriptor{Digest: digest, ArtifactType: artifact.PartType}); err != nil {
		return p, d, nil, err
	}
	first, err := d.List()
	if err != nil {
		return p, d, nil, err
	}
	list, err := x.document(ctx, first)
	if err != nil {
		return p, d, nil, err
	}
	file, ok := list.File(partMedia)
	if !ok {
		return p, d, nil, &artifact.DamageError{Err: errors.New("it has no part.json")}
	}
	text, err := x.bytes(ctx, registryurl.Location{Repository: x.ref.Repository, Blob: file.Digest, Name: "part.json"}, maxPart)
	if err != nil {
		return p, d, nil, err
	}
	for _, l := range list.Layers {
		if l.MediaType == artifact.LogMedia {
			logs = append(logs, l)
		}
	}
	p, err = ParsePart(text)
	return p, d, logs, err
}
