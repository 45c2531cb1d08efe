// Package bundle carries all that an image is made of across an air gap: packages in Alpine's layout with their signed
// indexes untouched, keys, runtimes, spec and lock, and a manifest of every file's size and SHA-256.
//
// A bundle is a folder, or one tar of it whose bytes follow from the manifest, or that tar in parts. Its name is the
// manifest's digest, its ID. A delta holds only what another bundle, its base, lacks, and is nothing without it.
//
// What is read of a bundle is foreign: every path is checked before it is opened, every size is bounded, and nothing that
// a bundle holds makes itself trusted. Nothing here asks a host but what Client and Keyring do while a bundle is created.
package bundle
