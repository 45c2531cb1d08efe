// Package runtime makes layers of runtimes: tarballs, parts of images, and releases of python-build-standalone. It locates a
// runtime, reads what is in it, and makes its layer if the tarball's own bytes cannot be one. It runs nothing.
package runtime
