package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push/disk"
)

// Open reads the image that an argument names: a layout or archive on disk, else one in a registry.
func (run *Session) Open(ctx context.Context, arg string) (v1.ImageIndex, error) {
	if path, ok := OnDisk(arg); ok {
		index, err := disk.ReadImage(path)
		if ext := filepath.Ext(path); errors.Is(err, fs.ErrNotExist) && (ext == ".yaml" || ext == ".yml") {
			_, err := os.Stat(path)
			return nil, fmt.Errorf("reading spec: %w; %s", err, insteadOf(path))
		}
		return index, NoImage(path, err)
	}
	index, err := run.Registry().Get(ctx, arg)
	if err != nil && namesNoRegistry(arg) {
		err = fmt.Errorf("%w; there is no layout or archive %q here, so it was taken for an image of docker.io", err, arg)
	}
	return index, err
}

// NoImage adds to the error of reading path as an image what to do where it is a spec.
func NoImage(path string, err error) error {
	if err == nil || !IsSpec(path) {
		return err
	}
	return exit.WrongUse(fmt.Errorf("%w; this takes an image: if the file is a spec, \"pyimg assemble\" with it and --output oci:DIR makes an image of it", err))
}

// namesNoRegistry reports whether a reference leaves out the registry, as "python:3.13" does. The user may have meant a layout.
func namesNoRegistry(arg string) bool {
	host, _, slash := strings.Cut(arg, "/")
	return !slash || !strings.ContainsAny(host, ".:") && host != "localhost"
}

// OnDisk reports whether an argument is a layout or an archive, DIR[:TAG], FILE[:TAG], oci:DIR[:TAG] and so on, and not an
// image reference. An argument that can only be a path counts also where nothing is there: no registry is asked for a
// file that somebody forgot to copy.
func OnDisk(arg string) (string, bool) {
	if _, path, ok := disk.SplitKind(arg); ok {
		return path, true
	}
	if _, err := os.Stat(arg); err == nil {
		return arg, true
	}
	for i, c := range arg {
		if c == ':' && i > 0 && isFileOrImage(arg[:i]) {
			return arg, true
		}
	}
	return arg, isPath(arg)
}

// isFileOrImage says whether a tag may follow a path. Any folder will not do: "localhost:5000/x" is a reference where there
// is a folder "localhost", too.
func isFileOrImage(path string) bool {
	info, err := os.Stat(path)
	return err == nil && (!info.IsDir() || disk.IsImage(path))
}

// isFileName reports whether an argument ends as files do; a repository may be called so and hardly ever is.
func isFileName(arg string) bool {
	return regexp.MustCompile(`\.(tar|tgz|tzst|tbz2|txz|gz|zst|bz2|xz|zip|oci|ya?ml|json)(:|$)`).MatchString(arg)
}

// isPath reports whether an argument is written as a path, not as an image reference: "./x", "/x", "..", "~/x", `C:\x`, "x/", "x/:TAG",
// "x.tar".
func isPath(arg string) bool {
	drive := len(arg) > 2 && arg[1] == ':' && (arg[2] == '\\' || arg[2] == '/')
	if strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, "~") || drive ||
		strings.ContainsRune(arg, '\\') || strings.HasSuffix(arg, "/") || strings.Contains(arg, "/:") {
		return true
	}
	host, rest, _ := strings.Cut(arg, "/")
	inRegistry := strings.ContainsAny(host, ".:") && strings.ContainsAny(rest, ":@") // HOST/x.tar:TAG
	return !strings.Contains(arg, "@") && !inRegistry && isFileName(arg)
}

// IsSpec reports whether the argument is a spec, and not a layout or an archive.
func IsSpec(arg string) bool {
	info, err := os.Stat(arg)
	ext := filepath.Ext(arg)
	return err == nil && info.Mode().IsRegular() && (ext == ".yaml" || ext == ".yml")
}

// WarnSkipped reports on stderr what of an image was not read.
func (run *Session) WarnSkipped(skipped []image.Skipped) {
	for _, a := range skipped {
		what := termtext.Line(strings.TrimSpace(a.Platform + " " + a.Digest))
		fmt.Fprintf(run.Stderr, "pyimg: skipped %s: %s\n", what, termtext.Line(a.Reason))
	}
}
