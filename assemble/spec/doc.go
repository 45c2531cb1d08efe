// Package spec holds what is asked for: the spec of an image, read from YAML and written as YAML, and the platforms that
// Alpine has an architecture for. It opens nothing but the spec's own file: what the fields come to is found out elsewhere.
package spec
