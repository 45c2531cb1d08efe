package registryurl_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/registryurl"
)

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestParseReference(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"oci:ghcr.io/you/wheels":              "oci:ghcr.io/you/wheels:latest",
		"oci:ghcr.io/you/wheels:v1":           "oci:ghcr.io/you/wheels:v1",
		"oci:localhost:5000/wheels@" + digest: "oci:localhost:5000/wheels@" + digest,
	} {
		r, err := registryurl.ParseReference(in)
		if err != nil || r.String() != want {
			t.Errorf("%q is %q, %v; want %q", in, r, err, want)
		}
	}
	for _, in := range []string{"oci:", "oci:./index", "oci:/srv/index", "oci:../x", "oci://ghcr.io/you/wheels", "oci:https://ghcr.io/x", "oci:you:password@ghcr.io/x", "oci:ghcr.io/You/Wheels", "oci:ghcr.io/a b"} {
		r, err := registryurl.ParseReference(in)
		if err == nil {
			t.Errorf("%q is %q", in, r)
		} else if strings.Contains(err.Error(), "password@") {
			t.Errorf("%q: the error has the password: %v", in, err)
		}
	}
}

func TestLocations(t *testing.T) {
	t.Parallel()
	for _, l := range []registryurl.Location{
		{Repository: "ghcr.io/you/wheels", Manifest: "v1"},
		{Repository: "localhost:5000/a/manifests/b", Manifest: digest},
		{Repository: "ghcr.io/blobs/x", Blob: digest, Name: "foo-1.0+local-py3-none-any.whl"},
	} {
		if got, err := registryurl.ParseLocation(l.String()); err != nil || got != l {
			t.Errorf("%s is %+v, %v", l, got, err)
		}
	}
	for _, in := range []string{"", "https://x/y/manifests/z", "oci://x", "oci://x/manifests/y", "oci://u:p@x/y/manifests/z", "oci://x/y/blobs/notadigest/f", "oci://x/y/manifests/a?b=c", "oci://x/y/manifests/"} {
		if l, err := registryurl.ParseLocation(in); err == nil {
			t.Errorf("%q is %+v", in, l)
		}
	}
}

// FuzzParseLocation checks that what is read is written again in the same way.
func FuzzParseLocation(f *testing.F) {
	f.Add("oci://ghcr.io/you/wheels/manifests/v1")
	f.Add("oci://ghcr.io/you/wheels/blobs/" + digest + "/foo%2F.whl")
	f.Fuzz(func(t *testing.T, in string) {
		l, err := registryurl.ParseLocation(in)
		if err != nil {
			return
		}
		if again, err := registryurl.ParseLocation(l.String()); err != nil || again != l {
			t.Errorf("%q is %+v, and written %q it is %+v, %v", in, l, l, again, err)
		}
	})
}
