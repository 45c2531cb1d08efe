// Package oci reads and checks the parts of images as the OCI image specification defines them: indexes, manifests and
// blobs. It reads no network and writes no file.
//
//   - [Walk] reads and checks all that a root leads to, and lists it in the order in which it must be stored.
//   - [Open] makes an image of the bytes of a [Source]: a layout, an archive or a registry. [ImageFor] returns the image for a
//     platform.
//   - Every image is a [v1.ImageIndex]. [Wrap] shows a single image as an index of one; [Root] returns the descriptor of
//     that image.
//   - [Reader] and [Check] compare bytes with their descriptor. They return a [*DigestError] where the two differ.
//
// Nothing holds a layer in memory, and a layer is opened only when it is read.
package oci
