// Package lock holds what came out of a spec: all that the image is made of, by digest, with the recipes of its made layers
// as plain data. The OCI documents (configuration, manifests and index) follow from a lock alone, and no layer is read for
// them. A Reason says by a code why a layer is not its source's own bytes.
package lock
