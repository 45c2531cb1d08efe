// Package sbom writes what an image consists of as a software bill of materials: CycloneDX 1.6 and SPDX 2.3, both as JSON. The bytes
// depend on the Document alone: no clock and no random number is read, so the same document has the same bytes everywhere.
//
// It does not know where a document comes from: neither locks nor images.
//
// See the specifications: cyclonedx.org, "CycloneDX 1.6 JSON Reference"; spdx.github.io, "SPDX 2.3"; purl-spec and its types apk and
// pypi.
package sbom
