package image

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/inventory"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/sbom"
)

// staleDocuments finds bills of materials in the image that are about another one: what a Dockerfile adds to an image of pyimg is not in
// the document that lies there, and scanners believe it.
func (c Contents) staleDocuments() (found []check.Finding) {
	for _, e := range sbom.Encodings() {
		n, err := c.Tree.Lookup(sbom.Folder + "/" + e.File)
		if err != nil || n.Entry.Kept == nil {
			continue
		}
		listed, err := sbom.Read(n.Entry.Kept)
		if err != nil {
			continue // it is longer than what is read, or somebody else's
		}
		have, err := inventory.Of(inventory.Input{Tree: c.Tree})
		if err != nil {
			return nil // another check says it
		}
		var faults []string
		if missing := lacking(listed, have, "pkg:apk/", "pkg:pypi/"); len(missing) > 0 {
			faults = append(faults, "does not list "+several(missing))
		}
		isPackage := func(c sbom.Component) bool { return strings.HasPrefix(c.PURL, "pkg:apk/") }
		if gone := lacking(have, listed, "pkg:apk/"); len(gone) > 0 && slices.ContainsFunc(have, isPackage) { // else apk's database was left out
			faults = append(faults, "lists "+several(gone)+", which the image does not have")
		}
		if len(faults) > 0 {
			found = append(found, check.Finding{Check: "sbom", Severity: check.Warning, Layer: c.Layers[n.Layer].Digest,
				Fix: "delete the file, or have pyimg make the image",
				Msg: fmt.Sprintf("sbom: /%s %s: it is about another image", n.Path, strings.Join(faults, ", and "))})
		}
	}
	return found
}

// lacking are the packages of one list, of these kinds, that another one has not. What is inside another part is left out: a document
// does not tell these apart.
func lacking(in, of []sbom.Component, kinds ...string) []string {
	there := make(map[string]bool, len(in))
	for _, c := range in {
		there[c.PURL] = true
	}
	var names []string
	for _, c := range of {
		isKind := slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(c.PURL, kind) })
		if isKind && !there[c.PURL] && (c.ID == "" || c.ID == c.PURL) {
			names = append(names, c.Name+" "+c.Version)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// several are the first of several names, and how many more there are.
func several(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + termtext.Count(len(names)-most, "other package")
}
