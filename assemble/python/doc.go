// Package python describes a CPython from its files, without running it: its version, machine and C library, how it was
// configured and compiled, and what it contains.
//
// How it was compiled is in _sysconfigdata_*.py, a Python dict literal that CPython's build writes for sysconfig. [Parse] reads
// strings and numbers of this literal and runs nothing. [Read] needs only the entries of a layer or tree, which keep that
// file's content.
package python
