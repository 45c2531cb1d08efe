package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/recipe"
	"github.com/pyimg/pyimg/sbom"
)

// documents is the folder of a runtime's own documents. Scanners read files with these endings anywhere in an image.
const documents = "usr/local/share/sbom"

// describe writes the bill of materials and the provenance into the result.
func describe(ctx context.Context, folder string, r, chosen recipe.Recipe, root Root, sources []taken, o Options) error {
	if entries, err := os.ReadDir(folder); err != nil || len(entries) == 0 {
		return fmt.Errorf("reading what %s has built: $OUT is empty", r.File)
	}
	bom, err := sbom.CycloneDX(document(chosen, o))
	if err != nil {
		return err
	}
	statement, err := statement(ctx, folder, r, root, sources, o)
	if err != nil {
		return err
	}
	// The folders of the result belong to the sandbox's user, and so may a symlink in it: what is written must stay inside.
	dir, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.MkdirAll(documents, 0o755); err != nil {
		return fmt.Errorf("writing the bill of materials: %w", err)
	}
	base := documents + "/" + r.Name + "-" + r.Version
	for name, data := range map[string][]byte{base + ".cdx.json": bom, base + ".provenance.json": statement} {
		if err := dir.WriteFile(name, data, 0o644); err != nil {
			return fmt.Errorf("writing the bill of materials: %w", err)
		}
	}
	return nil
}

// document lists what is inside a runtime. The runtime itself is the document's subject.
func document(r recipe.Recipe, o Options) sbom.Document {
	d := sbom.Document{Name: r.Name, Platform: "linux/" + o.Choice.Machine, Created: o.Epoch,
		Notes: []string{fmt.Sprintf("the recipe %s %s, revision %d", r.Name, r.Version, r.Revision)}}
	add := func(c recipe.Component, sum, from string) {
		d.Components = append(d.Components, sbom.Component{Name: c.Name, Version: c.Version, License: c.License, PURL: c.PURL, CPE: c.CPE, SHA256: sum, Source: from})
	}
	for _, s := range r.Sources {
		if s.Name != r.Name {
			add(s.Component, s.SHA256, s.URL)
		}
	}
	for _, c := range r.Holds {
		add(c, "", "")
	}
	return d
}

// A resource is an input or output, see in-toto's ResourceDescriptor.
type resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

// The provenance is SLSA's, see slsa.dev/spec/v1.0/provenance. It is inside the tarball, so its subjects are the programs and
// libraries, not the tarball.
const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://slsa.dev/provenance/v1"
	builderID     = "https://github.com/pyimg/pyimg"
	buildType     = builderID + "/blob/main/docs/RUNTIMES.md#provenance"
)

func statement(ctx context.Context, folder string, r recipe.Recipe, root Root, sources []taken, o Options) ([]byte, error) {
	subjects, err := subjectsIn(ctx, folder)
	if err != nil {
		return nil, err
	}
	sha := func(sum string) map[string]string { return map[string]string{"sha256": sum} }
	deps := []resource{{Name: "recipe", Digest: sha(hexSum(append(append([]byte(nil), r.Base...), r.Text...)))}}
	for _, s := range sources {
		deps = append(deps, resource{Name: s.Archive.File, URI: s.URL, Digest: sha(s.Archive.SHA256)})
	}
	builder := resource{Name: "builder", URI: root.Name}
	if sum, ok := strings.CutPrefix(root.Digest, "sha256:"); ok {
		builder.Digest = sha(sum)
	}
	deps = append(deps, builder)
	if at := filepath.Join(filepath.Dir(folder), profileName); o.ProfileData != "" {
		if sum, err := hashFile(ctx, at); err == nil {
			deps = append(deps, resource{Name: "profile", Digest: sha(sum)})
		}
	}
	version := map[string]string{}
	if o.Version != "" {
		version["pyimg"] = o.Version
	}
	c := o.Choice
	return json.MarshalIndent(map[string]any{
		"_type": statementType, "predicateType": predicateType, "subject": subjects,
		"predicate": map[string]any{
			"buildDefinition": map[string]any{
				"buildType": buildType,
				"externalParameters": map[string]any{"runtime": r.Name + "@" + r.Version, "revision": strconv.Itoa(r.Revision), "machine": c.Machine, "builtOn": c.Builder,
					"profile": c.Profile, "march": c.March, "allocator": c.Allocator, "options": slices.Sorted(slices.Values(c.Options))},
				"resolvedDependencies": deps,
			},
			"runDetails": map[string]any{"builder": map[string]any{"id": builderID, "version": version}},
		},
	}, "", "  ")
}

// subjectsIn lists the programs and shared libraries, by path.
func subjectsIn(ctx context.Context, folder string) ([]resource, error) {
	out := []resource{}
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if !isELF(name) {
			return nil
		}
		sum, err := hashFile(ctx, name)
		below, _ := filepath.Rel(folder, name)
		out = append(out, resource{Name: filepath.ToSlash(below), Digest: map[string]string{"sha256": sum}})
		return err
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("reading what was built: there is no program and no library in $OUT")
	}
	return out, err
}

func isELF(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	n, _ := f.Read(magic[:])
	return n == 4 && string(magic[:]) == "\x7fELF"
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
