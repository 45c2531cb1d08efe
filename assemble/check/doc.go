// Package check finds out whether a container of an image could start, without running anything. It reads the merged root of
// the layers, the image's configuration, and the machine that the image is for. It never changes the image.
//
// The rules are those of the programs that would run: the loader that a program names, musl's (ldso/dynlink.c) or glibc's
// (ld.so(8)); execve(2) and execvp(3) for commands; image-spec for layers. docs/VERIFY.md lists the checks.
package check
