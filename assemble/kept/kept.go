// Package kept says of which files the store keeps the content, because a room of assemble reads them: each build then knows
// them without opening a layer. Add a file here where a room begins to read it; facts that were learned without it are then
// learned again.
package kept

import (
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/sbom"
)

const (
	// maxFile bounds the content kept of one file; CPython's _sysconfigdata has some 50 KiB.
	maxFile = 256 << 10
	// maxDatabase bounds the copy of apk's database; one of a thousand packages has some 8 MiB.
	maxDatabase = 16 << 20
	// maxCertificates bounds the copy of a bundle of certificates; Mozilla's has 220 KiB.
	maxCertificates = 1 << 20
	// maxInstalled bounds the RECORD kept of one distribution; those with most files have some 2 MiB.
	maxInstalled = 4 << 20
)

// Files are the files that assemble reads, for layers.OpenStore.
func Files() []layers.ContentRule {
	files := []layers.ContentRule{
		{Path: "lib/apk/db/installed", Max: maxDatabase}, // who owns a file
		{Path: "usr/lib/apk/db/installed", Max: maxDatabase},
		{Path: "lib/apk/db/scripts.tar", Max: maxDatabase}, // the scripts of packages, which apk writes anew
		{Path: "lib/apk/db/scripts.tar.gz", Max: maxDatabase},
		{Path: "usr/lib/apk/db/scripts.tar", Max: maxDatabase},
		{Path: "usr/lib/apk/db/scripts.tar.gz", Max: maxDatabase},
		{Path: "etc/ssl/certs/ca-certificates.crt", Max: maxCertificates}, // certificates are joined to it
		{Path: "**/*.dist-info/RECORD", Max: maxInstalled},                // which files are a Python package's
		{Path: "**/*.dist-info/METADATA", Max: maxFile},                   // which packages are installed, and what they need
		{Path: "**/*.cdx.json", Max: sbom.MaxRead},                        // what is linked into a runtime or a wheel: PEP 770
		{Path: "**/*.spdx.json", Max: sbom.MaxRead},
	}
	for _, path := range []string{
		"etc/passwd", "etc/group", "etc/shadow", // owners
		"usr/local/share/ca-certificates/*.crt",                             // which certificates are added already
		"etc/apk/world", "etc/apk/arch", "etc/apk/protected_paths.d/*.list", // what apk asked for, and which folders it protects
		"lib/apk/db/triggers", "usr/lib/apk/db/triggers",
		"etc/os-release", "usr/lib/os-release", // the distribution; the former may be a symlink to the latter, os-release(5)
		"etc/busybox-paths.d/*",                                      // busybox's links
		"etc/ld-musl-*.path", "etc/ld.so.conf", "etc/ld.so.conf.d/*", // where libraries are searched
		"**/lib/python3.*/**/_sysconfigdata*.py", // how a Python was built, below its own prefix
		"**/include/python3.*/**/patchlevel.h",   // which one it is
		"**/*.dist-info/entry_points.txt",        // which scripts import which modules
		"**/pyvenv.cfg", "**/*-packages/*.pth",   // where Python finds modules: site.py, PEP 405
	} {
		files = append(files, layers.ContentRule{Path: path, Max: maxFile})
	}
	for _, path := range []string{"**/*.cpython-*.so", "**/*.abi3.so", "**/*-packages/**/*.so", "**/*-packages/**/*.so.*"} {
		files = append(files, layers.ContentRule{Path: path, Imports: true}) // extension modules, and the libraries that wheels bring
	}
	return files
}
