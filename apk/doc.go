// Package apk reads Alpine's packages as apk-tools 2 and 3 do: versions, dependencies, indexes and their signatures,
// and package archives. Package apk/solve finds which packages satisfy a world. Package apk/root finds what their
// installation leaves in a root.
//
// The answers are those of real apk. For versions and dependencies that is apk-tools 3; where apk-tools 2 differs, a
// Dialect chooses. The formats and names are those of apk-package(5), apk-world(5), apk-v2(5) and apk-repositories(5).
//
// The package reads only the v2 formats. It never runs a package's scripts and writes no files. It reaches the network
// only through the caller's Opener. Everything that it reads may come from an attacker: sizes are bounded, names never
// become paths, and nothing is trusted that no key of a Keyring signed. It does not know images, layers or registries.
package apk
