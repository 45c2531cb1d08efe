// Release does what a release needs and no tool of others does: the notes of a version out of CHANGELOG.md, the bill of materials of a
// program of Go, and the check of a package for Alpine.
//
//	go run ./internal/release notes v1.2.3
//	go run ./internal/release sbom PROGRAM FILE
//	go run ./internal/release apk PACKAGE PROGRAM
package main

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"

	"github.com/pyimg/pyimg/sbom"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "notes":
		return printNotes("CHANGELOG.md", args[1])
	case len(args) == 3 && args[0] == "sbom":
		return writeModules(args[1], args[2])
	case len(args) == 3 && args[0] == "apk":
		return printPackage(args[1], args[2])
	}
	return errors.New("usage: release notes VERSION | release sbom PROGRAM FILE | release apk PACKAGE PROGRAM")
}

func printNotes(changelog, version string) error {
	text, err := os.ReadFile(changelog)
	if err != nil {
		return err
	}
	found, err := notes(string(text), version)
	if err != nil {
		return fmt.Errorf("reading %q: %w", changelog, err)
	}
	_, err = os.Stdout.WriteString(found)
	return err
}

func writeModules(program, to string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	document, err := modules(info)
	if err != nil {
		return fmt.Errorf("reading %q: %w", program, err)
	}
	data, err := sbom.CycloneDX(document)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// printPackage checks a package for Alpine that has this program, and prints which one it is.
func printPackage(name, program string) error {
	want, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := checkPackage(f, name, want)
	if err != nil {
		return err
	}
	fmt.Printf("%s-%s %s\n", info.Name, info.Version, info.Arch)
	return nil
}
