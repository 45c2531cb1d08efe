// Package lock describes the result of a spec: everything that the image is made of, by digest, and the recipes of its made
// layers as plain data. The OCI documents (configuration, manifests and index) are computed from a lock alone, without reading
// a layer. A Reason says with a code why a layer is not its source's own bytes.
package lock
