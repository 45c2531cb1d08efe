// Package pylock reads pylock.toml (PEP 751), what pip, uv and pdm lock, and selects
// the wheels that each platform of an image takes from it. ParseUV does the same
// with uv's own uv.lock, where the packages that a platform takes are found by
// following the dependencies of the project.
//
// All faults of a lock are found at once, and each one names the way out: packages
// without wheels, directories, version control, markers that have no answer before
// the image runs, platforms that the lock does not cover. No file is opened and no
// hash is computed here; the Files say what they must be.
package pylock
