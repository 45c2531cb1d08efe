// Package pep517 is a build frontend: it makes one wheel of one sdist, in a sandbox without a network, by the hooks of PEP 517,
// which it calls as pypa/build does. The sandbox sees the builder's root, the sdist, an environment with the build requirements
// and, where it compiles for another machine, that machine's Python headers; nothing else of this machine.
//
// The requirements come from the caller. Where the backend asks for more, Run says so, and the caller runs it again with them.
package pep517
