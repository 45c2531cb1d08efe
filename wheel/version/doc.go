// Package version reads and compares the versions of Python packages and the
// specifiers that select them, as PEP 440 (today the "Version specifiers"
// specification of packaging.python.org) defines them.
//
// Parse takes every spelling that PEP 440 allows; String gives the normal one.
// Numbers have no upper limit, since a date with a time and a commit's number
// are found in real versions. The package knows versions alone: no names, no
// markers, no wheels.
//
// It is our own because no library is exact: compared with Python's packaging on
// random spellings, go-pep440-version and deps.dev/util/semver refuse numbers
// past 64 bits and some spellings of pre-releases, and differ in prefix matches
// such as "!=00.*".
package version
