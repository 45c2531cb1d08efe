// Package python tells what a CPython is from its files, without running it: which version it is, for which machine and C
// library, how it was configured and compiled, and what it ships.
//
// How it was compiled stands in _sysconfigdata_*.py, a Python dict literal that the build writes for sysconfig. It is read
// as a literal: [Parse] knows strings and numbers, and nothing of it runs. [Read] takes the entries of a layer or tree,
// which keep that file's content, and needs no other bytes.
package python
