package distinfo

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/version"
)

// maxRequires bounds the dependencies of one distribution, since each extra asks
// for all of them again. The most that real ones have is some hundreds.
const maxRequires = 4000

// Metadata is what a METADATA file says: core metadata up to version 2.4.
type Metadata struct {
	Name              string // as written
	Version           version.Version
	Summary           string
	License           string // free text
	LicenseExpression string // SPDX (PEP 639)
	// LicenseClassifiers are the classifiers that begin with "License ::", the older way to name a licence.
	LicenseClassifiers []string
	LicenseFiles       []string // below .dist-info/licenses
	RequiresPython     version.Specifiers
	RequiresDist       []string // dependency specifiers, not parsed: see Check
	ProvidesExtra      []string
}

// ParseMetadata reads a METADATA file.
func ParseMetadata(data []byte) (Metadata, error) {
	m, err := parseMetadata(data)
	if err != nil {
		return Metadata{}, fmt.Errorf("reading METADATA: %w", err)
	}
	return m, nil
}

func parseMetadata(data []byte) (m Metadata, err error) {
	h, err := parseHeader(data)
	if err != nil {
		return m, err
	}
	var number, requires string
	for name, value := range map[string]*string{
		"Name": &m.Name, "Version": &number, "Summary": &m.Summary, "License": &m.License,
		"License-Expression": &m.LicenseExpression, "Requires-Python": &requires,
	} {
		if *value, err = h.one(name); err != nil {
			return m, err
		}
	}
	if err := dependency.CheckName(m.Name); err != nil {
		return m, fmt.Errorf("field Name: %w", err)
	}
	if m.Version, err = version.Parse(number); err != nil {
		return m, fmt.Errorf("field Version: %w", err)
	}
	if m.RequiresPython, err = version.ParseSpecifiers(requires); err != nil {
		return m, fmt.Errorf("field Requires-Python: %w", err)
	}
	m.RequiresDist, m.ProvidesExtra, m.LicenseFiles = h.all("Requires-Dist"), h.all("Provides-Extra"), h.all("License-File")
	for _, c := range h.all("Classifier") {
		if strings.HasPrefix(c, "License ::") {
			m.LicenseClassifiers = append(m.LicenseClassifiers, c)
		}
	}
	if len(m.RequiresDist) > maxRequires {
		return m, fmt.Errorf("it has more than %d Requires-Dist", maxRequires)
	}
	return m, nil
}
