package sbom

import "time"

// tool is the program that made a document. Its version is left out: a document has the same bytes whichever version wrote it.
const tool = "pyimg"

// cycloneDX is a CycloneDX 1.6 document, as far as pyimg writes it.
type cycloneDX struct {
	Schema       string         `json:"$schema"`
	Format       string         `json:"bomFormat"`
	SpecVersion  string         `json:"specVersion"`
	SerialNumber string         `json:"serialNumber,omitempty"`
	Version      int            `json:"version"`
	Metadata     cdxMetadata    `json:"metadata"`
	Components   []cdxComponent `json:"components"`
	Dependencies []cdxDepends   `json:"dependencies"`
}

type cdxMetadata struct {
	Timestamp  string        `json:"timestamp"`
	Tools      cdxTools      `json:"tools"`
	Component  cdxComponent  `json:"component"`
	Properties []cdxProperty `json:"properties,omitempty"`
}

type cdxTools struct {
	Components []cdxComponent `json:"components"`
}

type cdxComponent struct {
	Type       string        `json:"type"`
	Ref        string        `json:"bom-ref,omitempty"`
	Supplier   *cdxSupplier  `json:"supplier,omitempty"`
	Name       string        `json:"name"`
	Version    string        `json:"version,omitempty"`
	Hashes     []cdxHash     `json:"hashes,omitempty"`
	Licenses   []cdxLicense  `json:"licenses,omitempty"`
	CPE        string        `json:"cpe,omitempty"`
	PURL       string        `json:"purl,omitempty"`
	Properties []cdxProperty `json:"properties,omitempty"`
}

type cdxSupplier struct {
	Name string `json:"name"`
}

type cdxHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// cdxLicense is an expression or a named licence, never both.
type cdxLicense struct {
	Expression string          `json:"expression,omitempty"`
	License    *cdxLicenseName `json:"license,omitempty"`
}

type cdxLicenseName struct {
	Name string `json:"name"`
}

type cdxProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type cdxDepends struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// imageRef is the reference of the image itself within a document.
const imageRef = "image"

// CycloneDX returns the document as CycloneDX 1.6 JSON.
func CycloneDX(d Document) ([]byte, error) {
	all := d.normal()
	out := cycloneDX{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: cdxMetadata{
			Timestamp: d.Created.UTC().Format(time.RFC3339),
			Tools:     cdxTools{[]cdxComponent{{Type: "application", Name: tool}}},
			Component: cdxComponent{Type: "container", Ref: imageRef, Name: d.Name},
		},
		Components:   make([]cdxComponent, 0, len(all)),
		Dependencies: []cdxDepends{{imageRef, tops(all)}},
	}
	if d.Platform != "" {
		out.Metadata.Component.Properties = []cdxProperty{{"pyimg:platform", d.Platform}}
	}
	for _, note := range d.Notes {
		out.Metadata.Properties = append(out.Metadata.Properties, cdxProperty{"pyimg:note", note})
	}
	for _, c := range all {
		out.Components = append(out.Components, cdxOf(c))
		if ids := append(append([]string{}, c.Contains...), c.Requires...); len(ids) > 0 {
			out.Dependencies = append(out.Dependencies, cdxDepends{c.ID, unique(ids)})
		}
	}
	if out.Dependencies[0].DependsOn == nil {
		out.Dependencies[0].DependsOn = []string{}
	}
	id, err := uuid(out)
	if err != nil {
		return nil, err
	}
	out.SerialNumber = "urn:uuid:" + id
	return encode(out)
}

func cdxOf(c Component) cdxComponent {
	out := cdxComponent{Type: cdxType(c.Kind), Ref: c.ID,
		Name: c.Name, Version: c.Version, CPE: c.CPE, PURL: c.PURL}
	if c.Supplier != "" {
		out.Supplier = &cdxSupplier{c.Supplier}
	}
	if c.SHA256 != "" {
		out.Hashes = []cdxHash{{"SHA-256", c.SHA256}}
	}
	switch {
	case isExpression(c.License):
		out.Licenses = []cdxLicense{{Expression: c.License}}
	case c.License != "":
		out.Licenses = []cdxLicense{{License: &cdxLicenseName{c.License}}}
	}
	if c.Source != "" {
		out.Properties = append(out.Properties, cdxProperty{"pyimg:source", c.Source})
	}
	for _, name := range details(c) {
		out.Properties = append(out.Properties, cdxProperty{name, c.Details[name]})
	}
	return out
}

func cdxType(k Kind) string {
	switch k {
	case System:
		return "operating-system"
	case Application:
		return "application"
	case Files, File:
		return "file"
	}
	return "library"
}
