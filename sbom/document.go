package sbom

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/github/go-spdx/v2/spdxexp"

	"github.com/pyimg/pyimg/internal/termtext"
)

// A Document is what the image of one platform consists of.
type Document struct {
	Name       string      // of the image, without tag and digest
	Platform   string      // such as linux/arm64
	Created    time.Time   // the image's
	Notes      []string    // how the document came about, such as "read from the finished image"
	Components []Component // in any order; of those with the same ID the first counts
	// Asked says, by ID, who asked for components that are there for their own sake. It is for Why; no encoding has it.
	Asked map[string]string
}

// Kind says what a component is.
type Kind string

// The kinds of components.
const (
	Library     Kind = ""            // or any other part
	System      Kind = "system"      // the distribution: it contains the packages of its package manager
	Application Kind = "application" // something that is started, such as an interpreter
	Files       Kind = "files"       // files that the user has put into the image
	File        Kind = "file"        // one of them
)

// InstallIf is the detail that says by which packages' presence apk installs a package that nobody asked for. See APKBUILD(5).
const InstallIf = "pyimg:apk:install-if"

// A Component is a part of an image.
type Component struct {
	ID       string            `json:"id,omitempty"` // unique in the document; "" means the PURL
	Kind     Kind              `json:"kind,omitempty"`
	Name     string            `json:"name"`
	Version  string            `json:"version,omitempty"`
	PURL     string            `json:"purl,omitempty"`     // package URL; "" if it has none
	CPE      string            `json:"cpe,omitempty"`      // CPE 2.3, as NVD names it; "" if unknown
	License  string            `json:"license,omitempty"`  // an SPDX expression, or any other text
	Supplier string            `json:"supplier,omitempty"` // the organisation that distributes it
	Source   string            `json:"source,omitempty"`   // what it was built from, for people
	SHA256   string            `json:"sha256,omitempty"`   // of the file that it came in, in hexadecimal
	Requires []string          `json:"requires,omitempty"` // IDs of components that it needs
	Contains []string          `json:"contains,omitempty"` // IDs of components inside, such as libraries linked in
	Details  map[string]string `json:"details,omitempty"`  // further properties, by name
}

// Ref is the ID that others name the component by.
func (c Component) Ref() string { return cmp.Or(c.ID, c.PURL, c.Name+"@"+c.Version) }

// Encoding is a form of a document.
type Encoding struct {
	Name          string // as in a spec and on the command line
	MediaType     string
	PredicateType string // of an in-toto statement that holds it
	File          string // its usual name
	Encode        func(Document) ([]byte, error)
}

// Encodings lists the forms that are known.
func Encodings() []Encoding {
	return []Encoding{
		{"cyclonedx", "application/vnd.cyclonedx+json", "https://cyclonedx.org/bom", "sbom.cdx.json", CycloneDX},
		{"spdx", "application/spdx+json", "https://spdx.dev/Document", "sbom.spdx.json", SPDX},
	}
}

// Folder is where an image has the documents about itself, from the root. Their names are those of the encodings.
const Folder = "usr/local/share/pyimg"

// OfImage reports whether a file, by its path from the root, is a document about the whole image that has it. In another image, such as
// one that is built on this one or takes its Python, it says what is not so.
func OfImage(file string) bool {
	dir, base := path.Split(file)
	return dir == Folder+"/" && slices.ContainsFunc(Encodings(), func(e Encoding) bool { return e.File == base })
}

// Named returns the encoding with this name.
func Named(name string) (Encoding, bool) {
	all := Encodings()
	i := slices.IndexFunc(all, func(e Encoding) bool { return e.Name == name })
	if i < 0 {
		return Encoding{}, false
	}
	return all[i], true
}

// normal returns the components sorted by ID, each ID once, and without references to components that are not there.
func (d Document) normal() []Component {
	seen := make(map[string]bool, len(d.Components))
	for _, c := range d.Components {
		seen[c.Ref()] = true
	}
	there := func(ids []string) []string {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !seen[id] })
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	all := make([]Component, 0, len(d.Components))
	for _, c := range d.Components {
		c.ID = c.Ref()
		c.Requires, c.Contains = there(c.Requires), there(c.Contains)
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b Component) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b Component) bool { return a.ID == b.ID })
}

// tops returns the IDs of the components that no other one contains.
func tops(all []Component) []string {
	inside := map[string]bool{}
	for _, c := range all {
		for _, id := range c.Contains {
			inside[id] = true
		}
	}
	var ids []string
	for _, c := range all {
		if !inside[c.ID] {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// uuid returns an identifier of the content: a UUID of version 8 (RFC 9562), made of a SHA-256.
func uuid(content any) (string, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:]), nil
}

// maxExpression bounds a licence that is read as an expression, in bytes: reading one takes time that grows faster than its length.
// Those of Alpine's packages have at most some hundred.
const maxExpression = 2048

// isExpression reports whether a licence is an expression of identifiers that SPDX lists.
func isExpression(license string) bool {
	if license == "" || len(license) > maxExpression {
		return false
	}
	valid, _ := spdxexp.ValidateLicenses([]string{license})
	return valid
}

// details returns the names of the details, sorted.
func details(c Component) []string { return slices.Sorted(maps.Keys(c.Details)) }

// encode writes a document. What a terminal would obey is escaped: names in it are foreign.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return termtext.JSON(b.Bytes()), nil
}
