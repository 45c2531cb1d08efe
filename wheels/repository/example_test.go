package repository_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Add puts a wheel into the index. Publish then writes the pages and the manifest, and Check compares the folder with them.
func ExampleRepository_Add() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	w := wheeltest.Wheel{Name: "demo"}
	file := filepath.Join(dir, w.Filename())
	if err := os.WriteFile(file, w.Bytes(), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	r := repository.Open(filepath.Join(dir, "index"))
	if _, err := r.Add(file, repository.Record{File: w.Filename(), Keys: []string{"key"}, Sdist: repository.Locked{Name: "demo"}}); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := r.Publish(nil); err != nil { // nil: without a signature
		fmt.Println(err)
		return
	}
	m, err := r.Check(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rec := range m.Wheels {
		fmt.Println(rec.File, rec.Keys)
	}
	// Output: demo-1.0-py3-none-any.whl [key]
}
