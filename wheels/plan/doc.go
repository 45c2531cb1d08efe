// Package plan compares what an index of wheels is to have with what it has: which wheels are missing, outdated, up to date or
// already served by another index, and in which order they are to be built.
//
// Each build has a key: a hash over all that its result depends on. A wheel is up to date where the index has one with that key.
// Nothing is built here; sdists are fetched where nobody knows yet what is in them.
package plan
