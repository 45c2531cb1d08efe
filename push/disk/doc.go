// Package disk keeps images on disk: in an OCI layout directory, an OCI archive, or an archive for "docker load".
//
//   - [WriteLayout], [WriteArchive] and [WriteDockerArchive] write a temporary file and rename it; two processes may write one
//     layout. [StreamArchive] and [StreamDockerArchive] write to a pipe. An archive's bytes depend on the image and its name
//     alone.
//   - [ReadLayout] reads all of these, [ReadImage] also what "docker save" and "podman save" write. What they return is lazy:
//     layers are read when they are asked for, and held against their digests.
//
// Images are v1.ImageIndex as package oci has them. A cancelled context ends every call within a second.
package disk
