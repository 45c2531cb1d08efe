package root_test

import (
	"archive/tar"
	"fmt"
	"iter"
	"log"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
)

// headers yields members of an archive's data that have no content.
func headers(hs ...*tar.Header) iter.Seq2[root.Member, error] {
	return func(yield func(root.Member, error) bool) {
		for _, h := range hs {
			if !yield(root.Member{Header: h}, nil) {
				return
			}
		}
	}
}

// Install says what apk would leave in a root, and writes its database.
func ExampleInstall() {
	sum := map[string]string{"APK-TOOLS.checksum.SHA1": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}
	hello := root.Installed{
		Package: &apk.Package{Name: "hello", Version: "2.12-r1", InstalledSize: 1},
		Control: &apk.Control{},
		Members: headers(
			&tar.Header{Typeflag: tar.TypeDir, Name: "usr/", Mode: 0o755},
			&tar.Header{Typeflag: tar.TypeDir, Name: "usr/bin/", Mode: 0o755},
			&tar.Header{Typeflag: tar.TypeReg, Name: "usr/bin/hello", Mode: 0o755, PAXRecords: sum},
			&tar.Header{Typeflag: tar.TypeReg, Name: ".notes", Mode: 0o644},
		),
	}
	r, err := root.Install([]root.Installed{hello}, root.Options{Dialect: apk.Dialect3, Arch: "x86_64"})
	if err != nil {
		log.Fatal(err)
	}
	for f := range r.Files() {
		fmt.Printf("%s %o\n", f.Path, f.Header().Mode)
	}
	for _, s := range r.Skipped(0) {
		fmt.Println(s.Member, "is left out:", s.Reason)
	}
	for h, content := range r.Database([]apk.Dependency{{Name: "hello"}}) {
		if h.Name == "etc/apk/world" {
			fmt.Printf("%s: %s", h.Name, content)
		}
	}
	// Output:
	// usr/bin/hello 755
	// .notes is left out: its name begins with a dot
	// etc/apk/world: hello
}
