// Package cachedir manages the folder of a store. It writes files under temporary names and renames them, handles
// things that are in the place of a file but are not files, and notes which runs use the folder. It does not know what
// the files contain.
package cachedir
