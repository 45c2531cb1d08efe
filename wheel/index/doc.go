// Package index lists the wheels that an index has of a project: a server with the
// simple repository API as HTML (PEP 503) or JSON (PEP 691), or a folder, which is
// either such an index in static files or just wheels. It knows hashes, sizes,
// Requires-Python, yanked files (PEP 592) and separate metadata (PEP 658).
//
// The caller gives an Opener, which does HTTP with its credentials and time limits;
// what it returns is read in bounds. No wheel is fetched here.
//
// A Chain asks several indexes as pyimg does: only the first one that has a project
// counts, so that a public index cannot add versions to a private project.
package index
