// Package disk keeps images on disk: in an OCI layout directory, an OCI archive, or an archive for "docker load".
//
//   - [WriteLayout], [WriteArchive] and [WriteDockerArchive] write temporary files and rename them; two processes may write
//     to one layout. [StreamArchive] and [StreamDockerArchive] write to a pipe. An archive's bytes depend only on the image
//     and its name.
//   - [ReadLayout] reads all of these. [ReadImage] also reads the archives of "docker save" and "podman save". Both read a
//     layer only when the caller asks for it, and check it against its digest.
//
// An image is a v1.ImageIndex, as in package oci. A cancelled context ends every call within a second.
package disk
