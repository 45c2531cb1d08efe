// Package layers turns tar archives into OCI layers and keeps them.
//
// A [Store] is a folder of blobs named by their SHA-256. Beside each blob stand the facts that one pass over its bytes
// learned: digest, diff ID, sizes, the tar's entries, the contents of a few small files, what its ELF files want and
// offer, and the [Fault]s for which the bytes cannot serve as a layer as they are. Nothing is read twice to learn them,
// and with them no later stage needs the bytes themselves.
//
//   - [Store.Ingest] takes bytes as they are; a blob without faults is a finished layer.
//   - [Store.Make] takes what a function writes, [Store.Convert] what is left of a foreign tarball after an edit,
//     [Store.Rewrite] what is left of stored blobs: transcoded, stripped, merged. Made layers have no faults.
//
// A layer's bytes depend on its inputs and [MakeOptions] alone. Nothing holds a layer in memory. Foreign bytes are
// bounded by the limits in limits.go; names that lead out of the root, whiteouts, control characters and hard links to
// what the archive does not hold are refused, whoever asks.
//
// The package never runs anything, never reads the network (a [Source] is opened by its caller) and knows neither
// package managers nor registries.
package layers
