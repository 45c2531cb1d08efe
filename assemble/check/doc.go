// Package check tells whether a container of an image could start, without running anything. It looks at the root that
// the layers make, at the image's configuration and at the machine that it is for. Nothing is added or mended here.
//
// The rules are those of what would run: musl's loader (ldso/dynlink.c) or glibc's (ld.so(8)), whichever a program names
// itself; execve(2) and execvp(3) for commands; image-spec for layers. docs/VERIFY.md lists the checks.
package check
