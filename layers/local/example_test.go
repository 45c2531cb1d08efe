package local_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/local"
)

// Make stores a layer of files of a folder: the caller decides where they are in the image and whose they are.
func ExampleMake() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	app := filepath.Join(dir, "app")
	if err := errors.Join(os.Mkdir(app, 0o700), os.WriteFile(filepath.Join(app, "main.py"), []byte("print()\n"), 0o600)); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	folder, err := local.Open(app)
	if err != nil {
		log.Fatal(err)
	}
	defer folder.Close()
	var members []local.Member
	err = folder.Walk(ctx, ".", func(name string, info fs.FileInfo) error {
		if info.IsDir() {
			return nil
		}
		file, err := folder.Look(ctx, name, info)
		members = append(members, local.Member{From: file, Header: &tar.Header{
			Typeflag: tar.TypeReg, Name: "srv/" + name, Mode: 0o644, Uid: 1000, Size: info.Size(), ModTime: time.Unix(0, 0)}})
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	store, err := layers.OpenStore(filepath.Join(dir, "cache"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	blob, err := local.Make(ctx, store, folder, members, layers.MakeOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range store.Entries(blob.Digest) {
		fmt.Println(e.Path(), e.Header.Uid, e.Header.Size, err)
	}
	// Output:
	// srv/main.py 1000 8 <nil>
}
