// Package push pushes finished images to registries and reads images from them.
//
// It knows OCI types only and takes every image as a [v1.ImageIndex]. It shows a single image as an index of one.
// [oci.Root] is the descriptor of the image or index itself, so that the digest stays the same.
//
//   - [Registry.Push] sends what a registry lacks: layers and configs, then the manifests from the leaves up, and the
//     tags last. When anything before the tags fails, no tag has moved. One limit holds for all uploads of all platforms
//     and repositories. A layer is opened only after the registry said that it does not have it.
//     [Registry.Begin] does the same in two steps, so that pyimg can log in while the image is being made, and send
//     layers that are finished ([Session.Offer]).
//   - [Registry.Together] is for several pushes of one run: each blob goes to a registry once, and is mounted into the other
//     repositories.
//   - [Registry.Join] makes one index of images that several machines pushed by digest. [Registry.Attach] pushes an
//     artifact that refers to an image, and [Registry.Referrers] lists such artifacts.
//   - [Registry.Get] reads images. It reads a layer only when the caller asks for it. [Images] finds single images, on disk
//     or in a registry.
//
// Package oci has the parts of images, package disk keeps images in layouts and archives, package remote makes the
// requests to a registry, and package auth finds the credentials.
//
// All bytes are hashed on their way: a manifest, config or layer that does not match its digest is an error. Nothing
// holds a layer in memory. Errors are [*remote.Error] where a registry or a network was involved. They say what was
// being done, to what, what the registry answered and where the credentials came from, never the credentials
// themselves. A cancelled context ends every call within a second.
package push
