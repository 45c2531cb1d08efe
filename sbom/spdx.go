package sbom

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// spdx is an SPDX 2.3 document, as far as pyimg writes it.
type spdx struct {
	Version       string             `json:"spdxVersion"`
	DataLicense   string             `json:"dataLicense"`
	ID            string             `json:"SPDXID"`
	Name          string             `json:"name"`
	Namespace     string             `json:"documentNamespace"`
	Comment       string             `json:"comment,omitempty"`
	Creation      spdxCreation       `json:"creationInfo"`
	Packages      []spdxPackage      `json:"packages"`
	Relationships []spdxRelationship `json:"relationships"`
	Licenses      []spdxLicense      `json:"hasExtractedLicensingInfos,omitempty"`

	own map[string]bool // the IDs of Licenses
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Version       string         `json:"versionInfo,omitempty"`
	Supplier      string         `json:"supplier"`
	Download      string         `json:"downloadLocation"`
	FilesAnalyzed bool           `json:"filesAnalyzed"`
	Checksums     []spdxChecksum `json:"checksums,omitempty"`
	SourceInfo    string         `json:"sourceInfo,omitempty"`
	Concluded     string         `json:"licenseConcluded"`
	Declared      string         `json:"licenseDeclared"`
	Copyright     string         `json:"copyrightText"`
	Comment       string         `json:"comment,omitempty"`
	Refs          []spdxRef      `json:"externalRefs,omitempty"`
	Purpose       string         `json:"primaryPackagePurpose"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

// spdxLicense is a licence that SPDX does not list.
type spdxLicense struct {
	ID   string `json:"licenseId"`
	Text string `json:"extractedText"`
	Name string `json:"name,omitempty"`
}

const (
	spdxDocument = "SPDXRef-DOCUMENT"
	spdxImage    = "SPDXRef-image"
	noAssertion  = "NOASSERTION"
	// namespace begins the name of each document. SPDX asks for a URI that is unique, not for one that can be opened.
	namespace = "https://github.com/pyimg/pyimg/spdx/"
)

// SPDX returns the document as SPDX 2.3 JSON.
func SPDX(d Document) ([]byte, error) {
	all := d.normal()
	out := spdx{Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: spdxDocument, Name: d.Name, Comment: strings.Join(d.Notes, "\n"),
		Creation: spdxCreation{d.Created.UTC().Format(time.RFC3339), []string{"Tool: " + tool}}, own: map[string]bool{}}
	ids := make(map[string]string, len(all))
	for _, c := range all {
		ids[c.ID] = spdxID(c)
	}
	image := spdxPackage{ID: spdxImage, Name: d.Name, Supplier: noAssertion, Download: noAssertion, Concluded: noAssertion,
		Declared: noAssertion, Copyright: noAssertion, Purpose: "CONTAINER"}
	if d.Platform != "" {
		image.Comment = "platform " + d.Platform
	}
	out.Packages = append(out.Packages, image)
	out.relate(spdxDocument, "DESCRIBES", spdxImage)
	for _, id := range tops(all) {
		out.relate(spdxImage, "CONTAINS", ids[id])
	}
	for _, c := range all {
		out.add(c, ids)
	}
	id, err := uuid(out)
	if err != nil {
		return nil, err
	}
	out.Namespace = namespace + id
	return encode(out)
}

// add adds a component; ids are the identifiers of all components.
func (s *spdx) add(c Component, ids map[string]string) {
	p := spdxPackage{ID: ids[c.ID], Name: c.Name, Version: c.Version, Supplier: noAssertion, Download: noAssertion, SourceInfo: c.Source,
		Concluded: noAssertion, Declared: s.license(c.License), Copyright: noAssertion,
		Purpose: spdxPurpose(c.Kind)}
	if c.Supplier != "" {
		p.Supplier = "Organization: " + c.Supplier
	}
	if c.SHA256 != "" {
		p.Checksums = []spdxChecksum{{"SHA256", c.SHA256}}
	}
	if c.PURL != "" {
		p.Refs = append(p.Refs, spdxRef{"PACKAGE-MANAGER", "purl", c.PURL})
	}
	if c.CPE != "" {
		p.Refs = append(p.Refs, spdxRef{"SECURITY", "cpe23Type", c.CPE})
	}
	var comment []string
	for _, name := range details(c) {
		comment = append(comment, name+": "+c.Details[name])
	}
	p.Comment = strings.Join(comment, "\n")
	s.Packages = append(s.Packages, p)
	for _, id := range c.Contains {
		s.relate(p.ID, "CONTAINS", ids[id])
	}
	for _, id := range c.Requires {
		s.relate(p.ID, "DEPENDS_ON", ids[id])
	}
}

// spdxPurpose is a purpose as SPDX's JSON schema lists it. SPDX's text has a hyphen in OPERATING-SYSTEM, which validators of JSON refuse.
func spdxPurpose(k Kind) string {
	switch k {
	case System:
		return "OPERATING_SYSTEM"
	case Application:
		return "APPLICATION"
	case Files, File:
		return "FILE"
	}
	return "LIBRARY"
}

func (s *spdx) relate(element, how, related string) {
	s.Relationships = append(s.Relationships, spdxRelationship{element, how, related})
}

// license returns the licence as an SPDX expression. A licence that SPDX does not list becomes one of the document's own.
func (s *spdx) license(text string) string {
	switch {
	case text == "":
		return noAssertion
	case isExpression(text):
		return text
	}
	id := "LicenseRef-" + short(text)
	if !s.own[id] {
		s.own[id] = true
		s.Licenses = append(s.Licenses, spdxLicense{id, text, firstLine(text)})
	}
	return id
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}

// spdxID returns an identifier of letters, digits, dots and hyphens for a component. trivy recognizes the operating system by how its
// identifier begins.
func spdxID(c Component) string {
	readable := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.':
			return r
		}
		return '-'
	}, strings.TrimPrefix(c.ID, "pkg:"))
	kind := ""
	if c.Kind == System {
		kind = "OperatingSystem-"
	}
	return "SPDXRef-" + kind + readable + "-" + short(c.ID)
}

// short returns some digits that tell texts from each other.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

func unique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}
