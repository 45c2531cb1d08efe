package layers

import (
	"archive/tar"
	"fmt"

	"github.com/pyimg/pyimg/layers/elf"
	"github.com/pyimg/pyimg/layers/internal/compress"
)

// The media types of OCI layers (image-spec, layer.md).
const (
	MediaTypeGzip = compress.MediaTypeGzip
	MediaTypeZstd = compress.MediaTypeZstd
)

// A Blob describes a stored layer. Digests are written "sha256:<hex>".
type Blob struct {
	Digest    string // of the compressed bytes
	DiffID    string // digest of the tar; "" for a small fragment, see Store.Splice
	MediaType string // MediaTypeGzip or MediaTypeZstd
	Size      int64  // of the compressed bytes
	TarSize   int64  // of the tar, its padding included
}

// An Entry is a member of a layer's tar. Callers share what it points to, and must not change it.
type Entry struct {
	// Header has the name as the archive has it. Mode has permission bits only (07777). Access and change times are not
	// kept, and what no field says is in Records.
	Header  *tar.Header
	Records Records
	// Kept is the content of a file that a ContentRule names. For an executable script it is the "#!" line without the
	// line break. For all other files it is nil. A hard link has the Kept and the ELF of its target.
	Kept []byte
	// ELF is nil for files that are not ELF files.
	ELF *ELF
}

// ELF is what a layer knows of an ELF file.
type ELF = elf.Facts

// Path returns the entry's path in the root, without a leading "./" or "/" and without a trailing "/". The path of the
// root itself is "".
func (e Entry) Path() string { return cleanName(e.Header.Name) }

// Check returns an error if no layer may have this member, whatever the other members are.
func (e Entry) Check() error { return checkMember(e.Header, e.recordNames()) }

// Target returns the path in the root of a hard link's target.
func (e Entry) Target() string { return cleanName(e.Header.Linkname) }

// A Fault is a reason why bytes cannot be an OCI layer as they are. A rewritten layer can still have all of their
// content.
type Fault struct {
	Code   FaultCode
	Path   string // the member's, as Entry.Path; "" for the archive as a whole and for its root entry
	Detail string // the argument of the code, see FaultCode; mostly ""
}

// FaultCode names a kind of Fault. Images and locks hold codes, so they never change their meaning.
type FaultCode string

// The codes, with what Detail holds.
const (
	FaultGlobalHeader FaultCode = "global-header" // a global PAX header
	FaultForbidden    FaultCode = "forbidden"     // no layer may hold the member; Detail: a code of its own, and perhaps an argument
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
	FaultBelow        FaultCode = "below"         // Detail: the path above it that is not a folder
)

// String returns the fault as a sentence for people.
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
		return refusalOf(detail).Error()
	case FaultPadding:
		return "does not end at a record's end"
	case FaultCompression:
		return "is compressed with " + detail + ", which layers do not use"
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
		return "is not a folder, but earlier members are below it"
	case FaultTwice:
		return "is in the archive twice"
	case FaultBelow:
		return fmt.Sprintf("is below %q, which is not a folder in the same archive", detail)
	}
	return string(c) + " " + detail
}
