// Package versions is the one place for what must change when bytes change. Each name says which bytes it stands for, and what
// follows when it is raised. A change of the bytes raises the number; golden tests next to the code fail
// until that is done.
package versions

// What a cache holds. With another version it is not read: it is learned or fetched again, and nobody has to do anything.
const (
	Store  = "v1"       // the folders of a cache, see layers.Store
	Facts  = "pyimgF10" // what is known of a layer: raised when a scan would write something else. What contents are kept is in it anyhow, see layers.ContentRule
	Record = "pyimgR01" // the form of a note
	Facted = "pyimgR02" // the form of a note that also has what is known of a layer
	Index  = "pyimgX03" // the compact form of an index: raised for another layout. Which fields it has is in it anyhow, see apk's fields
	Tree   = "3"        // an unpacked layer: raised when a layer would be unpacked in another way

	Solution = 1 // what the solver found: raised for another form. The program that solved is in the key anyhow
)

// The recipes of made layers: raised when the same inputs come out as other bytes. A layer is then made again under another
// digest, and a lock that has the old one no longer fits, so a release that raises one says so.
const (
	Compressor   = 2 // all layers that are compressed: also after an update of a compression library
	Splice       = 3 // layers that are spliced of deflate streams
	Join         = 1 // layers that are joined of fragments
	HostFiles    = 1 // files of this machine
	Certificates = 1 // certificates that an image trusts
	Paths        = 1 // paths whose owner or mode changes, and symlinks
	Meta         = 2 // the last layer
	Packages     = 1 // packages that are transcoded or merged
	Runtime      = 3 // a runtime's tarball
	Prefix       = 1 // a runtime that is an image's, moved to another prefix
	Image        = 1 // parts of an image
	Pack         = 1 // what "runtime pack" writes, and the report in it
	PackedFiles  = 1 // the runtime that "runtime pack" packs
	Bytecode     = 1 // .pyc files
	Wheel        = 1 // wheels that are built: their zip, and how the builder is called
)

// Files that users keep: raised for another form. Old ones are refused, or read as what they are, and the user is told.
const (
	Lock   = 2 // pyimg.lock
	Bundle = 1 // a bundle's manifest
)
