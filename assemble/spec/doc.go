// Package spec reads and writes the spec of an image in YAML, and knows the platforms that Alpine has an architecture for. It
// opens only the spec's own file; other packages resolve what the fields name.
package spec
