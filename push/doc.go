// Package push carries finished images to registries, and brings them back from there.
//
// It sees OCI types alone and takes every image as a [v1.ImageIndex]; a reference that names a single image manifest
// comes as an index of one, and [oci.Root] is what was named, so that its digest stays what it was.
//
//   - [Registry.Push] sends what a registry lacks: layers and configs, then the manifests from the leaves up, and the
//     tags when all of that is there. When anything fails before, no tag has moved. One limit holds for all uploads of
//     all platforms and repositories. A layer is opened only after the registry said that it does not have it.
//     [Registry.Begin] does the same in two steps, so that logging in goes on while the image is being made.
//   - [Registry.Join] makes one index of images that several machines pushed by digest. [Registry.Attach] pushes what
//     refers to an image, and [Registry.Referrers] lists it.
//   - [Registry.Get] reads. What it returns is lazy: layers are read when they are asked for. [Images] finds single images,
//     on disk or in a registry.
//
// Package oci has what images are made of, package disk keeps them in layouts and archives, package remote speaks with a
// registry, and package auth finds the credentials for it.
//
// Whatever passes through is hashed on its way: a manifest, config or layer whose bytes are not those of its digest is an
// error, wherever it came from. Nothing holds a layer in memory. Errors are [*remote.Error] where a registry or a network was
// involved; they say what was being done, to what, what was answered and which credentials were used, never the
// credentials themselves. A cancelled context ends every call within a second.
package push
