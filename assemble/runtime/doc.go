// Package runtime makes layers of runtimes: tarballs, parts of images, and releases of python-build-standalone. It finds
// where a runtime is, learns what is in it, and makes its layer where the tarball's own bytes cannot be one. Nothing runs.
package runtime
