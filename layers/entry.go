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

// The store's own media types of what tarballs are also compressed with, and layers never.
const (
	mediaTypeXZ    = "application/x-xz"
	mediaTypeBzip2 = "application/x-bzip2"
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
	// Kept is the content of the few files that the store was told to keep, see Keep; of an executable script the "#!"
	// line without its end. A hard link has what its target has, and so for ELF.
	Kept []byte
	// ELF says what an ELF file is, wants and offers; nil for other files.
	ELF *ELF
}

// ELF is what a layer knows of an ELF file.
type ELF = elf.Facts

// Path returns the entry's path in the root: no leading "./" or "/", no trailing "/". The root itself is "".
func (e Entry) Path() string { return cleanName(e.Header.Name) }

// Target returns the path in the root of what a hard link leads to.
func (e Entry) Target() string { return cleanName(e.Header.Linkname) }

// A Fault is a reason for which bytes cannot serve as an OCI layer as they are, although all of their content can.
type Fault struct {
	Code   FaultCode
	Path   string // the member's, as Entry.Path; "" where the archive as a whole is meant, or its root entry
	Detail string // what the code leaves open, see there; mostly ""
}

// FaultCode names a kind of Fault. Images and locks hold codes, so they never change their meaning.
type FaultCode string

// The codes, with what Detail holds.
const (
	FaultGlobalHeader FaultCode = "global-header" // a global PAX header
	FaultForbidden    FaultCode = "forbidden"     // no layer may hold the member; Detail: why
	FaultPadding      FaultCode = "padding"       // the tar does not end at a record's end
	FaultCompression  FaultCode = "compression"   // Detail: the compression, which no layer has
	FaultRoot         FaultCode = "root"          // the root itself
	FaultDotSlash     FaultCode = "dot-slash"     // a name that begins with "./"
	FaultName         FaultCode = "name"          // Detail: the name as written
	FaultDevice       FaultCode = "device"        // a device node
	FaultType         FaultCode = "type"          // Detail: the type flag
	FaultSparse       FaultCode = "sparse"        // a sparse file
	FaultOwner        FaultCode = "owner"         // Detail: UID:GID
	FaultNotFolder    FaultCode = "not-folder"    // earlier members are below it
	FaultTwice        FaultCode = "twice"         // an earlier member has the same path
	FaultBelow        FaultCode = "below"         // Detail: what is no folder above it
)

// String is the sentence that people read.
func (f Fault) String() string {
	text := f.Code.sentence(f.Detail)
	if f.Path == "" {
		return text
	}
	return fmt.Sprintf("%q %s", f.Path, text)
}

func (c FaultCode) sentence(detail string) string {
	switch c {
	case FaultGlobalHeader:
		return "has a global PAX header"
	case FaultForbidden:
		return detail
	case FaultPadding:
		return "does not end at a record's end"
	case FaultCompression:
		return "is compressed with " + detail + ", as no layer is"
	case FaultRoot:
		return "is the root itself and would set its mode and owner"
	case FaultDotSlash:
		return `has a name that begins with "./"`
	case FaultName:
		return fmt.Sprintf("is written as %q", detail)
	case FaultDevice:
		return "is a device, which rootless runtimes cannot make"
	case FaultType:
		return fmt.Sprintf("has the type flag %q", detail)
	case FaultSparse:
		return "is a sparse file"
	case FaultOwner:
		return fmt.Sprintf("belongs to %s, which no system has", detail)
	case FaultNotFolder:
		return "is no folder, but earlier members are below it"
	case FaultTwice:
		return "is in the archive twice"
	case FaultBelow:
		return fmt.Sprintf("is below %q, which is no folder in the same archive", detail)
	}
	return string(c) + " " + detail
}
