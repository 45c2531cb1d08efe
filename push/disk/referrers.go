package disk

import (
	"fmt"

	"github.com/pyimg/pyimg/push/oci"
)

// ReadReferrers lists the artifacts in the index of a layout or an archive that have a subject; path is as [ReadLayout] takes it.
func ReadReferrers(path string) ([]oci.Referrer, error) {
	location, _, err := splitLayout(path)
	if err != nil {
		return nil, err
	}
	files, err := openFiles(location)
	if err != nil {
		return nil, err
	}
	all, err := files.referrers()
	if err != nil {
		return nil, fmt.Errorf("reading image layout %q: %w", location, err)
	}
	return all, nil
}

// ReadReferrersFrom lists them in the index of a layout whose files open opens.
func ReadReferrersFrom(open OpenFile) ([]oci.Referrer, error) {
	return (&files{opener: open}).referrers()
}

func (f *files) referrers() ([]oci.Referrer, error) {
	im, _, err := f.entries()
	if err != nil {
		return nil, err
	}
	var all []oci.Referrer
	for _, d := range im.Manifests {
		if !d.MediaType.IsImage() {
			continue
		}
		raw, err := f.Manifest(d)
		if err != nil {
			continue // a layout may lack what nobody asks for
		}
		if r := oci.ReferrerIn(f, d, raw); r != nil {
			all = append(all, *r)
		}
	}
	return all, nil
}
