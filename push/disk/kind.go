package disk

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A Kind is a form of an image on disk. [Kinds] lists all kinds; add a new one there.
type Kind struct {
	Name   string // what a user writes before ":" and a path
	Form   string // what follows the ":", such as "FILE[:TAG]"
	Folder bool   // a folder; other kinds are files, which can be streamed
	Single bool   // has one platform only

	checkName func(name string) error
	write     func(ctx context.Context, path, name string, idx v1.ImageIndex) error
	stream    func(ctx context.Context, w io.Writer, name string, idx v1.ImageIndex) error // nil for a folder
}

// Kinds returns all forms that pyimg can write.
func Kinds() []Kind {
	return []Kind{
		{Name: "oci", Form: "DIR[:TAG]", Folder: true, checkName: checkTag, write: WriteLayout},
		{Name: "oci-archive", Form: "FILE[:TAG]", checkName: checkTag, write: WriteArchive, stream: StreamArchive},
		{Name: "docker-archive", Form: "FILE[:NAME]", Single: true, checkName: checkImageName, write: WriteDockerArchive, stream: StreamDockerArchive},
	}
}

// SplitKind splits KIND:REST. ok is false where s does not begin with a kind.
func SplitKind(s string) (k Kind, rest string, ok bool) {
	before, rest, ok := strings.Cut(s, ":")
	for _, k := range Kinds() {
		if ok && k.Name == before {
			return k, rest, true
		}
	}
	return Kind{}, s, false
}

// SplitName splits PATH[:NAME], which follows a kind. The colon of a drive of Windows, as in C:\images, belongs to the path.
func SplitName(rest string) (path, name string) {
	drive := 0
	if len(rest) > 2 && rest[1] == ':' && (rest[2] == '\\' || rest[2] == '/') {
		drive = 2
	}
	path, name, _ = strings.Cut(rest[drive:], ":")
	return rest[:drive] + path, name
}

// CheckName returns an error for a name that an image of this kind cannot have. "" means no name, and is valid.
func (k Kind) CheckName(name string) error {
	if name == "" {
		return nil
	}
	if err := k.checkName(name); err != nil {
		return fmt.Errorf("%w; expected %s:%s", err, k.Name, k.Form)
	}
	return nil
}

// Write writes an image to a path under a name. See [WriteLayout], [WriteArchive] and [WriteDockerArchive].
func (k Kind) Write(ctx context.Context, path, name string, idx v1.ImageIndex) error {
	return k.write(ctx, path, name, idx)
}

// Stream writes an image to w. It returns an error for a kind that is a folder.
func (k Kind) Stream(ctx context.Context, w io.Writer, name string, idx v1.ImageIndex) error {
	if k.stream == nil {
		return fmt.Errorf("writing %s: it is a folder, and cannot be written to a stream", k.Name)
	}
	return k.stream(ctx, w, name, idx)
}

// maxRegistryTag is apart from the expression of checkTag, which would count by copies.
const maxRegistryTag = 128

// checkTag returns an error for a tag that no registry accepts, because the layout will be pushed to one. See the OCI
// distribution-spec, "Pulling manifests".
func checkTag(tag string) error {
	if len(tag) > maxRegistryTag || !regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`).MatchString(tag) {
		return fmt.Errorf("%q is not a tag, or the path contains a colon", tag)
	}
	return nil
}

func checkImageName(image string) error {
	_, err := name.NewTag(image)
	return err
}
