package image

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/spec"
)

// For returns the image of an index for one platform. If there is none, the error names the platforms that the index has.
func For(index v1.ImageIndex, p spec.Platform) (v1.Image, error) {
	all, _, err := platformImages(index, []spec.Platform{p})
	if err != nil {
		return nil, err
	}
	return all[0].image, nil
}
