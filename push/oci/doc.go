// Package oci is what images are made of as the OCI image specification has it: indexes, manifests and blobs. It reads no
// network and writes no file.
//
//   - [Walk] reads all that hangs below a root, checks it and lists it in the order in which it must be stored.
//   - [Open] makes an image of what a [Source] has: a layout, an archive, a registry. [ImageFor] finds the one for a platform.
//   - Every image is a [v1.ImageIndex]. [Wrap] shows a single image as an index of one; [Root] is what was named.
//   - [Reader] and [Check] hold bytes against their descriptor: others are a [*MismatchError], wherever they came from.
//
// Nothing holds a layer in memory, and a layer is opened only when it is read.
package oci
