// Package hostfiles makes the layer of the files and folders that a spec takes of its own folder: what they are, where they go
// in the image, and what a lock says of them.
package hostfiles
