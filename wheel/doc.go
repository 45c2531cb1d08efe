// Package wheel reads wheels (PEP 427): it opens one, holds its name, its METADATA,
// its WHEEL file and its RECORD against each other, and checks every file against
// RECORD, which pip does not do.
//
// The rooms around it each have one subject of Python packaging: version (PEP 440),
// dependency (PEP 508 and 503), tag (file names and compatibility tags), target (what
// the Python of an image takes), archive (zip files), distinfo (the files of a
// .dist-info folder), install (the tree that pip would make), pylock (PEP 751 and
// uv.lock), requirements (pip's files), source (where a wheel file is, and its
// hashes) and index (PEP 503, 691, 658, 592).
//
// None of them knows Alpine or OCI, runs anything, or writes a file. Bytes come in as
// an io.ReaderAt or through an interface that the caller gives.
package wheel
