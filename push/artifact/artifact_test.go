package artifact_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/artifact"
)

// serve starts a registry; the caller closes it.
func serve() (host string, done func()) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	return strings.TrimPrefix(server.URL, "http://"), server.Close
}

func TestOpen(t *testing.T) {
	t.Parallel()
	host, done := serve()
	defer done()
	layer := imagetest.Layer(t, 100)
	if _, err := (push.Registry{}).Push(t.Context(), imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", layer)}), []string{host + "/a/b:1"}, push.Options{}); err != nil {
		t.Fatal(err)
	}
	o := artifact.NewOpener(push.Registry{})
	for _, at := range []string{"manifests/1", "blobs/" + imagetest.Digest(t, layer) + "/name"} {
		r, err := o.Open(t.Context(), "oci://"+host+"/a/b/"+at)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(r); err != nil || len(data) == 0 {
			t.Errorf("%s: %d bytes, %v", at, len(data), err)
		}
		_ = r.Close()
	}
	missing := "sha256:" + strings.Repeat("0", 64)
	for _, at := range []string{"manifests/none", "manifests/" + missing, "blobs/" + missing + "/name"} {
		if _, err := o.Open(t.Context(), "oci://"+host+"/a/b/"+at); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", at, err)
		}
	}
	if _, err := o.Open(t.Context(), "https://"+host); err == nil {
		t.Error("another URL is opened")
	}
}

// What a registry does not have is an fs.ErrNotExist.
func ExampleOpener_Open() {
	host, done := serve()
	defer done()
	_, err := artifact.NewOpener(push.Registry{}).Open(context.Background(), "oci://"+host+"/team/wheels/manifests/v1")
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output: true
}
