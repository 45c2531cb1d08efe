package sbom

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxRead bounds a document that Read reads, in bytes. Those in wheels and runtimes list what was linked in.
	MaxRead = 1 << 20
	// maxReadComponents bounds how many components Read returns.
	maxReadComponents = 2000
	// maxReadText bounds each text of a component.
	maxReadText = 1024
)

// Read returns the components of a document in CycloneDX's or SPDX's JSON, such as a wheel's (PEP 770) or a runtime's. It takes
// names, versions, licences, package URLs and CPEs, and leaves out everything else. The subject of the document is not among them.
func Read(data []byte) ([]Component, error) {
	if len(data) > MaxRead {
		return nil, fmt.Errorf("it has more than %d bytes", MaxRead)
	}
	var d struct {
		Format     string        `json:"bomFormat"`
		Components []readCDX     `json:"components"`
		Version    string        `json:"spdxVersion"`
		Packages   []readPackage `json:"packages"`
		Describes  []string      `json:"documentDescribes"`
		Relations  []struct {
			Element string `json:"spdxElementId"`
			Type    string `json:"relationshipType"`
			Related string `json:"relatedSpdxElement"`
		} `json:"relationships"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("it is not JSON of CycloneDX or SPDX: %w", err)
	}
	var out []Component
	switch {
	case d.Format == "CycloneDX":
		out = flatten(out, d.Components)
	case strings.HasPrefix(d.Version, "SPDX-2."):
		subject := map[string]bool{}
		for _, id := range d.Describes {
			subject[id] = true
		}
		for _, r := range d.Relations {
			if r.Type == "DESCRIBES" && r.Element == spdxDocument {
				subject[r.Related] = true
			}
		}
		for _, p := range d.Packages {
			if !subject[p.ID] {
				out = append(out, p.component())
			}
		}
	default:
		return nil, errors.New("it is neither CycloneDX nor SPDX 2")
	}
	if len(out) > maxReadComponents {
		return nil, fmt.Errorf("it has %d components, expected at most %d", len(out), maxReadComponents)
	}
	return out, nil
}

type readCDX struct {
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	PURL       string    `json:"purl"`
	CPE        string    `json:"cpe"`
	Components []readCDX `json:"components"`
	Licenses   []struct {
		Expression string `json:"expression"`
		License    struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"license"`
	} `json:"licenses"`
}

// flatten appends components and those inside them. The depth is bounded by encoding/json.
func flatten(out []Component, in []readCDX) []Component {
	for _, c := range in {
		var licenses []string
		for _, l := range c.Licenses {
			if text := l.Expression + l.License.ID + l.License.Name; text != "" {
				licenses = append(licenses, text)
			}
		}
		out = append(out, bounded(Component{Name: c.Name, Version: c.Version, PURL: c.PURL, CPE: c.CPE, License: strings.Join(licenses, " AND ")}))
		out = flatten(out, c.Components)
	}
	return out
}

type readPackage struct {
	ID       string    `json:"SPDXID"`
	Name     string    `json:"name"`
	Version  string    `json:"versionInfo"`
	Declared string    `json:"licenseDeclared"`
	Refs     []spdxRef `json:"externalRefs"`
}

func (p readPackage) component() Component {
	c := Component{Name: p.Name, Version: p.Version}
	if p.Declared != noAssertion && p.Declared != "NONE" {
		c.License = p.Declared
	}
	for _, r := range p.Refs {
		switch {
		case r.Type == "purl" && c.PURL == "":
			c.PURL = r.Locator
		case r.Type == "cpe23Type" && c.CPE == "":
			c.CPE = r.Locator
		}
	}
	return bounded(c)
}

// bounded cuts texts that are too long to be what they claim to be, and drops package URLs and CPEs of another form.
func bounded(c Component) Component {
	for _, s := range []*string{&c.Name, &c.Version, &c.License, &c.PURL, &c.CPE} {
		if len(*s) > maxReadText {
			*s = strings.ToValidUTF8((*s)[:maxReadText], "")
		}
	}
	if !strings.HasPrefix(c.PURL, "pkg:") {
		c.PURL = ""
	}
	if !strings.HasPrefix(c.CPE, "cpe:2.3:") {
		c.CPE = ""
	}
	return c
}
