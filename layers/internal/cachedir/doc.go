// Package cachedir is the folder that a store is in: files that are written beside and renamed, what is in the place of a file
// and is none, and who uses the folder. It does not know what the files hold.
package cachedir
