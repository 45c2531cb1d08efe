// Package apk knows Alpine's packages as apk-tools 2 and 3 do: versions and dependencies, indexes and their signatures, and
// package archives. Package solve below it finds which packages satisfy a world, and package root what installing them makes.
//
// What they answer is what real apk answers. apk-tools 3 is the measure for versions and dependencies; elsewhere a Dialect says
// which apk is. Formats and names are those of apk-package(5), apk-world(5), apk-v2(5) and apk-repositories(5).
//
// It reads only the v2 formats. It never runs a package's scripts, it writes no files, and the
// network is only reached through the Opener that the caller passes. Everything that it reads
// may come from a stranger: sizes are bounded, names never become paths, and nothing is
// trusted but what a Keyring vouches for. It does not know images, layers or registries.
package apk
