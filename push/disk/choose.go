package disk

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A named image is one of several images in a layout or an archive.
type named struct {
	names []string // tags or full names
	id    string   // equal for equal images; its digest is also a valid name
}

// maxNamed bounds how many names an error lists.
const maxNamed = 20

// choose returns the position of the image that a tag, a full name or a digest names. "" names the only image. Items
// with the same id are one image.
func choose(items []named, tag string) (int, error) {
	if len(items) == 0 {
		return 0, errors.New("it has no image")
	}
	for _, match := range []func(string) bool{
		func(name string) bool { return tag == "" || name == tag },
		func(name string) bool { return means(name, tag) },
	} {
		found := -1
		for i, item := range items {
			switch {
			case tag != "" && item.id != tag && !slices.ContainsFunc(item.names, match):
			case found < 0:
				found = i
			case items[found].id != item.id && tag == "":
				return 0, fmt.Errorf("it has several images, add :TAG; the tags are %s", list(items))
			case items[found].id != item.id:
				return 0, fmt.Errorf("it has several images %q, give the full name; the names are %s", tag, list(items))
			}
		}
		if found >= 0 {
			return found, nil
		}
	}
	return 0, fmt.Errorf("it has no image %q; the tags are %s", tag, list(items))
}

// list quotes the names of images. It uses the id of an image without a name.
func list(items []named) string {
	var names []string
	for _, item := range items {
		if len(item.names) == 0 {
			names = append(names, item.id)
		}
		names = append(names, item.names...)
	}
	more := ""
	if n := len(names) - maxNamed; n > 0 {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%q%s", names, more)
}

// means reports whether written names the image name: as the full name, as docker shortens it, or by its tag.
func means(name, written string) bool {
	short, want := familiar(name), familiar(written)
	if short == want || short == want+":"+defaultTag || strings.HasSuffix(short, "/"+want) {
		return true
	}
	at := strings.LastIndexByte(name, ':')
	return at >= 0 && name[at+1:] == written
}

// familiar returns a full name as docker prints it.
func familiar(name string) string {
	for _, prefix := range []string{"index.docker.io/", "docker.io/", "library/"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return name
}

// namesOf returns the names that index.json gives an image.
func namesOf(d v1.Descriptor) []string {
	var names []string
	for _, key := range []string{refName, imageName} {
		if n := d.Annotations[key]; n != "" {
			names = append(names, n)
		}
	}
	return names
}
