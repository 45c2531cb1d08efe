package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/internal/exit"
)

// Digest is that of the root that builds for a target, with these packages in addition. It is the same wherever the same packages,
// Pythons and mounts are.
func (b *Builder) Digest(ctx context.Context, target int, extra []apk.Dependency) (string, error) {
	t := b.targets[target]
	native := b.targets[t.Native]
	root, err := b.resolve(ctx, native.python, native.platform, b.packages(extra))
	if err != nil {
		return "", err
	}
	lines := parts(root)
	if t.Native != target {
		sysroot, err := b.resolve(ctx, t.python, t.platform, extra)
		if err != nil {
			return "", err
		}
		lines = append(append(lines, "for"), parts(sysroot)...)
	}
	if b.config.Builder.Image != "" {
		img, err := b.image(ctx, native.platform)
		if err != nil {
			return "", err
		}
		digest, err := img.Digest()
		if err != nil {
			return "", err
		}
		lines = append(lines, "image "+digest.String())
	}
	if folder := b.config.Builder.Folder; folder != "" {
		digest, err := b.tree(b.config.Path(folder))
		if err != nil {
			return "", exit.WrongUse(fmt.Errorf("reading builder.folder of %s: %w", b.config.Name, err))
		}
		lines = append(lines, "folder "+digest)
	}
	for _, m := range b.config.Builder.Mounts {
		digest, err := b.tree(b.config.Path(m.Host))
		if err != nil {
			return "", exit.WrongUse(fmt.Errorf("reading what builder.mounts of %s names: %w", b.config.Name, err))
		}
		lines = append(lines, "mount "+m.Path+" "+digest)
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:]), nil
}

// parts are the packages and runtimes of a root.
func parts(p assemble.Plan) []string {
	var lines []string
	for _, root := range p.Platforms {
		lines = append(lines, root.Platform.String())
		var packages []string
		for _, q := range root.Packages {
			packages = append(packages, q.Name+" "+q.Version+" "+q.Checksum.String())
		}
		slices.Sort(packages)
		lines = append(lines, packages...)
		for _, r := range root.Runtimes {
			lines = append(lines, "runtime "+r.Digest)
		}
	}
	return lines
}

// tree is a digest of a file or a folder: names, modes and contents. It is remembered as long as no file changes.
func (b *Builder) tree(at string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.trees[at]; ok {
		return known, nil
	}
	state := sha256.New()
	if err := walk(at, func(name string, info fs.FileInfo) error {
		_, err := fmt.Fprintf(state, "%q %s %d %d %s\n", name, info.Mode(), info.Size(), info.ModTime().UnixNano(), identity(info))
		return err
	}); err != nil {
		return "", err
	}
	abs, err := filepath.Abs(at)
	if err != nil {
		return "", err
	}
	key := "tree 1 " + abs + " " + hex.EncodeToString(state.Sum(nil))
	if known, err := b.from.Store.Record(key); err == nil {
		b.trees[at] = string(known)
		return string(known), nil
	}
	content := sha256.New()
	if err := walk(at, func(name string, info fs.FileInfo) error {
		digest, err := contentOf(filepath.Join(at, name), info)
		fmt.Fprintf(content, "%q %s %s\n", name, kind(info.Mode()), digest)
		return err
	}); err != nil {
		return "", err
	}
	digest := hex.EncodeToString(content.Sum(nil))
	_ = b.from.Store.SetRecord(key, []byte(digest)) // else it is read again
	b.trees[at] = digest
	return digest, nil
}

// walk visits a file, or all that is in a folder, sorted. The names have slashes.
func walk(at string, visit func(name string, info fs.FileInfo) error) error {
	info, err := os.Stat(at)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return visit("", info)
	}
	return filepath.WalkDir(at, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		below, err := filepath.Rel(at, name)
		if err != nil || below == "." {
			return err
		}
		if info.IsDir() {
			return nil // git and tar lose its mode, and empty ones
		}
		return visit(filepath.ToSlash(below), info)
	})
}

// kind is what a bundle keeps of a mode: what it is, and whether its owner may execute it.
func kind(mode fs.FileMode) fs.FileMode {
	if !mode.IsRegular() || mode&0o100 != 0 {
		return mode&fs.ModeType | 0o111
	}
	return mode & fs.ModeType
}

func contentOf(at string, info fs.FileInfo) (string, error) {
	if info.Mode()&fs.ModeSymlink != 0 {
		to, err := os.Readlink(at)
		return fmt.Sprintf("%q", to), err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file, folder or symlink", at)
	}
	f, err := os.Open(at)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}
