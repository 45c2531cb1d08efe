//go:build !unix

package layers

import "io/fs"

// ownedByUser is true where files have no numeric owner.
func ownedByUser(fs.FileInfo) bool { return true }
