// Package root knows what apk would leave in a root after installing packages: which package's file is at each path and with
// which owner and mode, which members of an archive are not installed and why, which two packages conflict, which scripts
// would have run, and the database that apk writes. ReadInstalled reads such a database.
//
// What differs between apk-tools 2 and 3 follows Options.Dialect. Nothing is written to a disk and no script is run: a Root
// is a value made of tar headers.
package root
