// Package local makes layers of files of this machine. A Folder is walked and looked at without ever leaving it; Make stores
// a layer of what was found, Pack and Unpack carry it to another machine, and Digest remembers what a file's digest was.
package local
