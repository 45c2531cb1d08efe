package layers_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/pyimg/pyimg/layers"
)

// Ingest stores the bytes of a tarball as they are, and learns in the same pass what is in them.
func ExampleStore_Ingest() {
	var tarball bytes.Buffer
	zw := gzip.NewWriter(&tarball)
	tw := tar.NewWriter(zw)
	script := []byte("#!/usr/bin/python3\nprint('hello')\n")
	err := tw.WriteHeader(&tar.Header{Name: "usr/bin/hello", Mode: 0o755, Size: int64(len(script)), ModTime: time.Unix(1700000000, 0)})
	_, written := tw.Write(script)
	if err := errors.Join(err, written, tw.Close(), zw.Close()); err != nil {
		log.Fatal(err)
	}

	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := layers.OpenStore(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	blob, err := store.Ingest(context.Background(), layers.Source{Name: "hello.tar.gz", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(tarball.Bytes())), nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	faults, err := store.Faults(blob.Digest)
	fmt.Println(blob.MediaType, blob.TarSize, "bytes of tar;", len(faults), "faults;", err)
	for e, err := range store.Entries(blob.Digest) {
		fmt.Printf("%s %o %q %v\n", e.Path(), e.Header.Mode, e.Kept, err)
	}
	// Output:
	// application/vnd.oci.image.layer.v1.tar+gzip 2048 bytes of tar; 0 faults; <nil>
	// usr/bin/hello 755 "#!/usr/bin/python3" <nil>
}
