// Package target says what the Python of an image accepts: the tags of wheels,
// best first, and the environment that markers are evaluated for.
//
// Everything follows from a Python value, which the caller fills in from the
// runtime's own files. Nothing is run, and nothing is asked of the machine that
// builds. The Pythons are CPython on Linux with musl.
package target
