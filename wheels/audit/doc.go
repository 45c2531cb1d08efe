// Package audit compares a wheel's tags with what is in it: the machine and the C library of its machine code, the version of musl,
// the names of extension modules, and the symbols that the loader would look for. Libraries of the system are not copied into the
// wheel as auditwheel does; a report says which there are, so that an image's package manager provides and updates them.
package audit
