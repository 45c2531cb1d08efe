package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Failures and their logs are an artifact of their own, under the index's tag with statusSuffix. So they change no digest that a lock
// pins.
const (
	statusSuffix = "-status"
	statusMedia  = "application/vnd.pyimg.wheels.failures.v1+json"
	maxStatus    = 64 << 20
	logSuffix    = ".log"
)

// failures are what a status lists.
type failures struct {
	Version  int                  `json:"version"`
	Failures []repository.Failure `json:"failures"`
}

func (x *Index) readStatus(ctx context.Context) ([]repository.Failure, []artifact.Descriptor, error) {
	if x.ref.Digest != "" {
		return nil, nil, nil
	}
	tag := x.ref.Tag + statusSuffix
	r, err := x.from.Open(ctx, registryurl.Location{Repository: x.ref.Repository, Manifest: tag}.String())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	raw, err := oci.ReadAll(r, artifact.MaxManifest)
	if err != nil {
		return nil, nil, fmt.Errorf("reading what failed, of %s: %w", x.ref, err)
	}
	d, err := artifact.ParseDocument(raw, artifact.StatusType)
	if err != nil {
		return nil, nil, fmt.Errorf("reading what failed, of %s: %w", x.ref, err)
	}
	return x.statusOf(ctx, d)
}

// statusOf reads the failures that a manifest lists, and finds their logs among its layers.
func (x *Index) statusOf(ctx context.Context, d artifact.Document) (list []repository.Failure, logs []artifact.Descriptor, err error) {
	file, ok := d.File(statusMedia)
	if !ok {
		return nil, nil, nil
	}
	text, err := x.bytes(ctx, registryurl.Location{Repository: x.ref.Repository, Blob: file.Digest, Name: "failures.json"}, maxStatus)
	if err != nil {
		return nil, nil, err
	}
	var f failures
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, nil, &artifact.DamageError{Err: fmt.Errorf("reading what failed, of %s: %w", x.ref, err)}
	}
	for _, l := range d.Layers {
		if l.MediaType == artifact.LogMedia {
			logs = append(logs, l)
		}
	}
	return f.Failures, logs, nil
}

// writeStatus puts what failed under its tag. Of several processes that write it at once the last one counts: what another one noted is
// tried again.
func (x *Index) writeStatus(ctx context.Context, list []repository.Failure, logs map[string]artifact.Descriptor) error {
	text, err := json.Marshal(failures{1, append([]repository.Failure{}, list...)})
	if err != nil {
		return err
	}
	d, err := newManifest(artifact.StatusType, append([]artifact.Descriptor{descriptorOf(statusMedia, text, "failures.json")}, logsOf(list, logs)...))
	if err != nil {
		return err
	}
	tag := x.ref.Tag + statusSuffix
	if now, err := x.repo.DigestOf(ctx, tag); err != nil || now == d.descriptor.Digest {
		return err
	}
	if err := x.send(ctx, []oci.Blob{blobOf(text), blobOf([]byte(emptyConfig))}); err != nil {
		return err
	}
	m, err := d.manifest()
	if err == nil {
		_, err = x.repo.PutManifest(ctx, m, tag)
	}
	return err
}

// logsOf are the logs of failures, in their order.
func logsOf(list []repository.Failure, logs map[string]artifact.Descriptor) []artifact.Descriptor {
	var out []artifact.Descriptor
	for _, f := range list {
		if l, ok := logs[f.Name()]; ok && len(out) < artifact.MaxLayers {
			out = append(out, l)
		}
	}
	return out
}

// logName is the name of the failure that a log is of.
func logName(l artifact.Descriptor) string { return strings.TrimSuffix(l.Title(), logSuffix) }

// sendLogs sends the logs of failures that a copy has, and returns their layers by the names of the failures.
func (x *Index) sendLogs(ctx context.Context, list []repository.Failure, open func(repository.Failure) (io.ReadCloser, error)) (map[string]artifact.Descriptor, error) {
	out := make(map[string]artifact.Descriptor)
	var blobs []oci.Blob
	for _, f := range list {
		text, err := readLog(f, open)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[f.Name()] = descriptorOf(artifact.LogMedia, text, f.Name()+logSuffix)
		digest, size := oci.SHA256(text), int64(len(text))
		blobs = append(blobs, oci.Blob{Desc: v1.Descriptor{Digest: digest, Size: size}, Open: func() (io.ReadCloser, error) { return open(f) }})
	}
	return out, x.send(ctx, blobs)
}

// maxLog bounds a log, as builds do.
const maxLog = 64 << 20

func readLog(f repository.Failure, open func(repository.Failure) (io.ReadCloser, error)) ([]byte, error) {
	r, err := open(f)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return oci.ReadAll(r, maxLog+1<<20)
}
