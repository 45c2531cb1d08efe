// Package archive reads the zip files that wheels are: in bounded memory, and only
// where every reader would see the same members.
//
// Open reads the central directory and each local header. It refuses what readers
// disagree on or what must not reach a file system: names that are not canonical
// relative paths, duplicates, headers that differ, bytes that belong to no member,
// encryption, other methods than stored and deflated, symlinks and devices, more
// members or more unpacked bytes than a wheel has. Inflater.Copy unpacks a member
// and checks its CRC-32 and its size; Archive.Raw gives its packed bytes as they
// are, so that a layer can take over the deflate stream.
//
// It is not archive/zip because that one accepts most of these.
package archive
