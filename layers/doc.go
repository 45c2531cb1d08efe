// Package layers turns tar archives into OCI layers and stores them.
//
// A [Store] is a folder of blobs named by their SHA-256. For each blob it also stores the facts that one pass over its
// bytes found: digest, diff ID, sizes, the tar's entries, the contents of a few small files, what its ELF files need
// and offer, and the [Fault]s that keep the bytes from being a layer as they are. The store reads nothing twice for
// these facts, and with them later stages need not read the bytes.
//
//   - [Store.Ingest] takes bytes as they are; a blob without faults is a finished layer.
//   - [Store.Make] takes what a function writes, [Store.Convert] edits a foreign tarball, [Store.Rewrite] transcodes,
//     strips or merges stored blobs. Made layers have no faults.
//
// A layer's bytes depend only on its inputs and [MakeOptions]. No layer is held in memory. The limits in limits.go
// bound foreign bytes. The store refuses names that lead out of the root, whiteouts, control characters, and hard links
// to files that are not in the archive.
//
// The package never runs anything and never reads the network (the caller opens each [Source]). It knows neither
// package managers nor registries.
package layers
