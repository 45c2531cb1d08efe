// Package container works out what a container runtime makes of an image: the folders that its layers are, its user,
// environment and command. It runs nothing.
package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/passwd"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/unpack"
)

// Options are what a person may ask for instead of what the image says.
type Options struct {
	Args       []string // instead of the image's cmd
	Entrypoint *string  // instead of the image's; its cmd is left out then, too
	Env        []string // NAME=VALUE, over the image's
	User       string   // USER or UID, and perhaps :GROUP or :GID
	Dir        string
}

// Process is what a container runtime would start.
type Process struct {
	Args    []string
	Env     []string
	Dir     string
	Account passwd.Account
}

// Folders unpacks an image's layers into the store, each once, and returns the folders, the lowest layer's first. owner maps
// the numbers of its files' owners, see [unpack.Options]; owners names that mapping.
func Folders(ctx context.Context, img v1.Image, store *layers.Store, owner func(int) (int, bool), owners string) ([]string, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	if config.OS != "" && config.OS != "linux" {
		return nil, fmt.Errorf("the image is for %s, and only one for linux can be run", config.OS)
	}
	ls, err := img.Layers()
	if err != nil {
		return nil, err
	}
	folders := make([]string, len(ls))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range ls {
		group.Go(func() (err error) {
			folders[i], err = folder(ctx, l, store, owner, owners)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(folders) == 0 {
		return nil, errors.New("the image has no layer, so there is nothing to run in it")
	}
	return folders, nil
}

// StoredFolders is Folders for layers that the store has.
func StoredFolders(ctx context.Context, store *layers.Store, blobs []layers.Blob, owner func(int) (int, bool), owners string) ([]string, error) {
	folders := make([]string, len(blobs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, b := range blobs {
		src := layers.Source{Name: "layer " + b.Digest, Digest: b.Digest, Open: func(context.Context) (io.ReadCloser, error) { return store.Open(b.Digest) }}
		group.Go(func() (err error) {
			folders[i], err = unpacked(ctx, src, b.DiffID, store, owner, owners)
			return err
		})
	}
	return folders, group.Wait()
}

// unpackVersion is raised when a layer would be unpacked in another way.
const unpackVersion = "2"

func folder(ctx context.Context, l v1.Layer, store *layers.Store, owner func(int) (int, bool), owners string) (string, error) {
	digest, err := l.Digest()
	if err != nil {
		return "", err
	}
	diffID, err := l.DiffID()
	if err != nil {
		return "", err
	}
	src := layers.Source{Name: "layer " + digest.String(), Digest: digest.String(), Open: func(context.Context) (io.ReadCloser, error) { return l.Compressed() }}
	return unpacked(ctx, src, diffID.String(), store, owner, owners)
}

func unpacked(ctx context.Context, src layers.Source, diffID string, store *layers.Store, owner func(int) (int, bool), owners string) (string, error) {
	return store.Folder(ctx, "unpacked "+unpackVersion+" "+owners+" "+diffID, func(dir string) (size int64, err error) {
		if uid, ok := ownRoot(owner); ok {
			if err := os.Lchown(dir, uid, uid); err != nil {
				return 0, err
			}
		}
		err = store.Tar(ctx, src, diffID, func(r io.Reader) (err error) {
			size, err = unpack.Layer(r, dir, unpack.Options{Owner: owner})
			return err
		})
		return size, err
	})
}

func ownRoot(owner func(int) (int, bool)) (int, bool) {
	if owner == nil {
		return 0, false
	}
	return owner(0)
}

// NewProcess is what a container runtime would start of the image whose layers are in folders.
func NewProcess(config v1.Config, folders []string, o Options) (Process, error) {
	p := Process{Env: merged(config.Env, o.Env), Dir: config.WorkingDir}
	if o.Dir != "" {
		p.Dir = o.Dir
	}
	if p.Dir != "" && !strings.HasPrefix(p.Dir, "/") {
		p.Dir = "/" + p.Dir
	}
	switch {
	case o.Entrypoint != nil && *o.Entrypoint != "":
		p.Args = append([]string{*o.Entrypoint}, o.Args...)
	case o.Entrypoint != nil:
		p.Args = o.Args
	case len(o.Args) > 0:
		p.Args = slices.Concat(config.Entrypoint, o.Args)
	default:
		p.Args = slices.Concat(config.Entrypoint, config.Cmd)
	}
	if len(p.Args) == 0 {
		return p, errors.New("the image names no command; give one after it")
	}
	users, _ := passwd.Users(readTop(folders, "etc/passwd"))
	groups, _ := passwd.Groups(readTop(folders, "etc/group"))
	setting := config.User
	if o.User != "" {
		setting = o.User
	}
	var err error
	if p.Account, err = passwd.Find(users, groups, setting); err != nil {
		return p, err
	}
	if !has(p.Env, "PATH") {
		p.Env = append(p.Env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	if !has(p.Env, "HOME") {
		p.Env = append(p.Env, "HOME="+p.Account.Home)
	}
	return p, nil
}

// merged is an environment with others put over it, in the order of the first.
func merged(env, over []string) []string {
	out := slices.Clone(env)
	for _, v := range over {
		name, _, _ := strings.Cut(v, "=")
		if i := slices.IndexFunc(out, func(old string) bool { return strings.HasPrefix(old, name+"=") }); i >= 0 {
			out[i] = v
		} else {
			out = append(out, v)
		}
	}
	return out
}

func has(env []string, name string) bool {
	return slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

// readTop reads a file of the uppermost layer that has it. What is no plain file there counts as empty.
func readTop(folders []string, name string) string {
	const most = 4 << 20 // accounts
	for _, dir := range slices.Backward(folders) {
		root, err := os.OpenRoot(dir) // a folder of the layer may be a symlink, and must not lead to the host's
		if err != nil {
			return ""
		}
		info, err := root.Lstat(name)
		var text []byte
		if err == nil && info.Mode().IsRegular() && info.Size() <= most {
			text, _ = root.ReadFile(name)
		}
		_ = root.Close()
		if err == nil {
			return string(text)
		}
	}
	return ""
}
