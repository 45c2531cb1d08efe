package download_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/download"
)

// Wheel brings a wheel that an index lists onto this machine, checks it, and reads its metadata. The store remembers both.
func ExampleDownloader_Wheel() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	w := wheeltest.Wheel{Name: "demo", Metadata: "Requires-Dist: other\n"}
	store, err := layers.OpenStore(filepath.Join(dir, "cache"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	if err := os.WriteFile(filepath.Join(dir, w.Filename()), w.Bytes(), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	folder, err := index.OpenFolder(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	files, _, err := folder.Project(context.Background(), "demo")
	if err != nil {
		fmt.Println(err)
		return
	}
	d := download.New(input.Access{Store: store}, nil) // files of this machine need no opener
	for _, f := range files {
		got, err := d.Wheel(context.Background(), f)
		fmt.Println(got.Filename.Text, got.Metadata.RequiresDist, err)
	}
	// Output: demo-1.0-py3-none-any.whl [other] <nil>
}
