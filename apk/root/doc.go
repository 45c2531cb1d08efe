// Package root computes what apk leaves in a root after it installs packages: which package's file is at each path, its
// owner and mode, which members of an archive are not installed and why, which packages conflict, which scripts apk
// would run, and the database that apk writes. ReadInstalled reads such a database.
//
// Where apk-tools 2 and 3 differ, Options.Dialect chooses. The package writes nothing to a disk and runs no script: a
// Root is a value made of tar headers.
package root
