// Package recipe describes how runtimes are built from source: where the source comes from and what it must hash to, what
// builds it, with which flags, in which steps, and what is then in it. A recipe is a file of data for people, data/*.yaml, so
// that one flag can be changed without knowing Go. The recipes that pyimg knows are embedded; [Read] reads a user's own.
//
// It runs nothing and fetches nothing: see recipe/build.
package recipe
