package layers

import (
	"archive/tar"
	"fmt"

	"github.com/pyimg/pyimg/layers/elf"
)

// The media types of OCI layers (image-spec, layer.md).
const (
	MediaTypeGzip = "application/vnd.oci.image.layer.v1.tar+gzip"
	MediaTypeZstd = "application/vnd.oci.image.layer.v1.tar+zstd"
)

// A Blob describes a stored layer. Digests are written "sha256:<hex>".
type Blob struct {
	Digest    string // of the compressed bytes
	DiffID    string // digest of the tar
	MediaType string // MediaTypeGzip or MediaTypeZstd
	Size      int64  // of the compressed bytes
	TarSize   int64  // of the tar, its padding included
}

// An Entry is a member of a layer's tar. What it points to is shared with who else asks for it, and must not be changed.
type Entry struct {
	// Header has the name as it stands in the archive. Mode holds permission bits only (07777), PAXRecords leaves out
	// what the other fields say, access and change times are not kept.
	Header *tar.Header
	// Kept is the content of the few small files that later stages read (see keep.go): whole, or the "#!" line without
	// its end of an executable script. A hard link has what its target has, and so for ELF.
	Kept []byte
	// ELF says what an ELF file is, wants and offers; nil for other files.
	ELF *ELF
}

// ELF is what a layer knows of an ELF file.
type ELF = elf.Facts

// Path returns the entry's path in the root: no leading "./" or "/", no trailing "/". The root itself is "".
func (e Entry) Path() string { return cleanName(e.Header.Name) }

// A Fault is a reason for which bytes cannot serve as an OCI layer as they are, although all of their content can.
type Fault struct {
	Path   string // the member's, as Entry.Path; "" where the archive as a whole is meant, or its root entry
	Reason string
}

func (f Fault) String() string {
	if f.Path == "" {
		return f.Reason
	}
	return fmt.Sprintf("%q %s", f.Path, f.Reason)
}
