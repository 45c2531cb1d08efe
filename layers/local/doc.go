// Package local makes layers of files of this machine. A Folder walks and reads files and never leaves its folder. Make
// stores a layer of them, Pack and Unpack carry them to another machine, and Digest remembers the digest of a file.
package local
