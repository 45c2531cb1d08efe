package attest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/push"
)

// A Builder is the program that made an image, and how it was called. It says nothing of the machine.
type Builder struct {
	Version string   // of pyimg
	Flags   []string // names of the flags that were set, without their values
}

const (
	builderID = "https://github.com/pyimg/pyimg"
	buildType = builderID + "/blob/main/docs/SUPPLY-CHAIN.md#provenance"
	// versionKey names pyimg among the versions of the builder.
	versionKey = "pyimg"
)

// provenance is SLSA's predicate, as far as pyimg writes it. See slsa.dev/spec/v1.0/provenance.
type provenance struct {
	Definition buildDefinition `json:"buildDefinition"`
	Details    runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	Type         string     `json:"buildType"`
	Parameters   parameters `json:"externalParameters"`
	Dependencies []resource `json:"resolvedDependencies"`
}

type parameters struct {
	Spec  string   `json:"spec"`            // digest of the spec in force, flags included
	Flags []string `json:"flags,omitempty"` // names
}

// A resource is an input. See in-toto's ResourceDescriptor.
type resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"` // hexadecimal, by algorithm
}

type runDetails struct {
	Builder builder `json:"builder"`
}

type builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

// provenance returns the predicate for some platforms of a lock.
func (b Builder) provenance(l lock.Lock, platforms []lock.Platform) ([]byte, error) {
	p := provenance{buildDefinition{buildType, parameters{l.Spec, sorted(b.Flags)}, []resource{}}, runDetails{builder{ID: builderID}}}
	if b.Version != "" {
		p.Details.Builder.Version = map[string]string{versionKey: b.Version}
	}
	deps := &p.Definition.Dependencies
	for _, of := range platforms {
		for _, q := range of.Packages {
			*deps = append(*deps, packageResource(q))
		}
		if of.Base != nil {
			*deps = append(*deps, resource{URI: publicURI(of.Base.URL), Name: localName(of.Base.URL), Digest: sha256Of(of.Base.Digest)})
		}
		for _, r := range of.Runtimes {
			*deps = append(*deps, resource{URI: publicURI(r.URL), Name: localName(r.URL), Digest: sha256Of(r.Digest)})
		}
		for _, w := range of.Wheels {
			*deps = append(*deps, resource{URI: publicURI(w.URL), Name: w.File, Digest: map[string]string{"sha256": w.SHA256}})
		}
	}
	if l.Python != nil {
		*deps = append(*deps, resource{Name: "python requirements", Digest: sha256Of(l.Python.Digest)})
	}
	if l.Files != nil {
		*deps = append(*deps, resource{Name: "files", Digest: sha256Of(l.Files.Digest)})
	}
	slices.SortStableFunc(*deps, func(a, b resource) int { return cmp.Or(cmp.Compare(a.URI, b.URI), cmp.Compare(a.Name, b.Name)) })
	*deps = slices.CompactFunc(*deps, func(a, b resource) bool {
		return a.URI == b.URI && a.Name == b.Name && a.Digest["sha256"] == b.Digest["sha256"]
	})
	return json.Marshal(p)
}

// sameInputs reports whether two predicates say the same, or both are pyimg's own and say the same but for flags and pyimg's version. The
// order of fields does not count: what signs may write JSON anew.
func sameInputs(a, b []byte) bool {
	x, errX := withoutVersion(a)
	y, errY := withoutVersion(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

// withoutVersion decodes a predicate, and takes the flags and pyimg's version out of one of pyimg's.
func withoutVersion(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var predicate any
	if err := d.Decode(&predicate); err != nil {
		return nil, err
	}
	definition := field(predicate, "buildDefinition")
	if definition["buildType"] == buildType {
		parameters := field(definition, "externalParameters")
		if flags, ok := parameters["flags"].([]any); ok && !slices.ContainsFunc(flags, isNoText) {
			delete(parameters, "flags")
		}
		version := field(field(field(predicate, "runDetails"), "builder"), "version")
		if !isNoText(version[versionKey]) {
			delete(version, versionKey)
		}
		if len(version) == 0 {
			delete(field(field(predicate, "runDetails"), "builder"), "version")
		}
	}
	return predicate, nil
}

func isNoText(v any) bool { _, ok := v.(string); return !ok }

// field is an object in an object of JSON; nil, in which nothing is found, where it is not one.
func field(in any, name string) map[string]any {
	object, _ := in.(map[string]any)
	inner, _ := object[name].(map[string]any)
	return inner
}

// packageResource names a package as apk does: by the SHA-1 of its control stream, and the SHA-256 of its data stream. It has no
// digest of the file as a whole.
func packageResource(q lock.Package) resource {
	r := resource{Name: q.Name + "-" + q.Version + " " + q.Arch, Digest: map[string]string{}}
	for _, url := range q.URLs {
		if r.URI = publicURI(url); r.URI != "" {
			break
		}
	}
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(q.Checksum, "Q1")); err == nil {
		r.Digest["apk-control-sha1"] = hex.EncodeToString(sum)
	}
	if q.Data != "" {
		r.Digest["apk-data-sha256"] = strings.TrimPrefix(q.Data, "sha256:")
	}
	return r
}

// publicURI is the address of a resource; "" for a file and for an image's layout on disk, whose folders are of one machine.
func publicURI(url string) string {
	ref, isImage := strings.CutPrefix(url, fromImage)
	_, here := push.OnDisk(ref)
	if strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") || isImage && !here {
		return redact.URL(url)
	}
	return ""
}

// fromImage begins the address of an image, see spec.FromImage.
const fromImage = "image:"

// localName is the name of a file or a layout without its folder; "" for what has an address.
func localName(url string) string {
	if publicURI(url) != "" {
		return ""
	}
	name, _ := push.OnDisk(strings.TrimPrefix(url, fromImage))
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

func sha256Of(digest string) map[string]string {
	return map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
