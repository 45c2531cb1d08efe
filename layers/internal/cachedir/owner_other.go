//go:build !unix

package cachedir

import "io/fs"

// ownedByUser is true where files have no numeric owner.
func ownedByUser(fs.FileInfo) bool { return true }
