package lock

import (
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// HistoryPrefix begins created_by in the history of layers that pyimg made.
const HistoryPrefix = "pyimg: "

// configFile returns the OCI image configuration; see the OCI image-spec, config.md. It has one history entry for each layer, so
// that tools can show what a layer has.
func configFile(p Platform) *v1.ConfigFile {
	created := v1.Time{Time: p.Created}
	f := &v1.ConfigFile{
		Created:      created,
		Architecture: p.Platform.Architecture,
		OS:           p.Platform.OS,
		Variant:      p.Platform.Variant,
		Config:       p.Config,
		RootFS:       v1.RootFS{Type: "layers"},
	}
	if p.Base != nil {
		f.History = slices.Clone(p.Base.History)
	}
	for i, l := range p.Layers {
		f.RootFS.DiffIDs = append(f.RootFS.DiffIDs, Hash(l.DiffID))
		if p.Base != nil && i < p.Base.Layers {
			continue // the base's own history is there
		}
		f.History = append(f.History, v1.History{Created: created, CreatedBy: HistoryPrefix + l.From, Comment: formatComment(l.Reasons, l.Digest)})
	}
	return f
}

// Hash parses a digest that is known to be valid.
func Hash(digest string) v1.Hash {
	h, err := v1.NewHash(digest)
	if err != nil {
		return v1.Hash{} // Parse has checked the digests of a lock that was read
	}
	return h
}
