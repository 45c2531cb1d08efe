package lock

import (
	"encoding/json"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// HistoryPrefix begins created_by in the history of layers that pyimg made.
const HistoryPrefix = "pyimg: "

// RemovedLayer is what the layer is called that deletes files of the base.
const RemovedLayer = "removed from the base"

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

// configDocument is what the image configuration is encoded from.
func (p Platform) configDocument() any {
	f := configFile(p)
	if p.StartInterval == 0 || f.Config.Healthcheck == nil {
		return f
	}
	type healthcheck struct {
		v1.HealthConfig
		StartInterval time.Duration
	}
	type config struct {
		v1.Config
		Healthcheck healthcheck
	}
	return struct {
		*v1.ConfigFile
		Config config `json:"config"`
	}{f, config{f.Config, healthcheck{*f.Config.Healthcheck, p.StartInterval}}}
}

// StartInterval reads the start interval of the healthcheck out of an image configuration, whose type has no field for it; 0
// without one.
func StartInterval(configuration []byte) time.Duration {
	var f struct {
		Config struct {
			Healthcheck *struct{ StartInterval time.Duration }
		} `json:"config"`
	}
	if err := json.Unmarshal(configuration, &f); err != nil || f.Config.Healthcheck == nil {
		return 0 // who reads the whole configuration reports what is wrong with it
	}
	return max(f.Config.Healthcheck.StartInterval, 0)
}

// Hash parses a digest that is known to be valid.
func Hash(digest string) v1.Hash {
	h, err := v1.NewHash(digest)
	if err != nil {
		return v1.Hash{} // Parse has checked the digests of a lock that was read
	}
	return h
}
