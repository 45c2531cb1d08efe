// Package container works out what a container runtime makes of an image: the folders that its layers are, its user,
// environment and command. It runs nothing.
package container

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/passwd"
	"github.com/pyimg/pyimg/internal/versions"
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

// Owners says whom the files of unpacked layers belong to. The zero value: to the caller.
type Owners struct {
	// Name tells apart roots that are unpacked with different owners.
	Name string
	// Map maps numbers of the layer to those of its files, see [unpack.Options].
	Map func(id int) (int, bool)
	// Unpack does [unpack.Layer]'s work with the rights that this needs; nil: that is called.
	Unpack func(ctx context.Context, archive io.Reader, dir string, lower []string) (size int64, err error)
}

// Folders unpacks an image's layers into the store, each once, and returns the folders, the lowest layer's first.
func Folders(ctx context.Context, img v1.Image, store *layers.Store, owners Owners) ([]string, error) {
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
	if len(ls) == 0 {
		return nil, errors.New("the image has no layer, so there is nothing to run in it")
	}
	packed := make([]packedLayer, len(ls))
	for i, l := range ls {
		digest, errDigest := l.Digest()
		diffID, errDiffID := l.DiffID()
		if err := errors.Join(errDigest, errDiffID); err != nil {
			return nil, err
		}
		open := func(context.Context) (io.ReadCloser, error) { return l.Compressed() }
		packed[i] = packedLayer{layers.Source{Name: "layer " + digest.String(), Digest: digest.String(), Open: open}, diffID.String()}
	}
	return unpacker{store, owners}.all(ctx, packed)
}

// StoredFolders is Folders for layers that the store has.
func StoredFolders(ctx context.Context, store *layers.Store, blobs []layers.Blob, owners Owners) ([]string, error) {
	packed := make([]packedLayer, len(blobs))
	for i, b := range blobs {
		open := func(context.Context) (io.ReadCloser, error) { return store.Open(b.Digest) }
		packed[i] = packedLayer{layers.Source{Name: "layer " + b.Digest, Digest: b.Digest, Open: open}, b.DiffID}
	}
	return unpacker{store, owners}.all(ctx, packed)
}

// packedLayer is a layer that is not unpacked yet.
type packedLayer struct {
	src    layers.Source
	diffID string
}

// unpacker unpacks layers into the store.
type unpacker struct {
	store  *layers.Store
	owners Owners
}

// What a folder of the store has: the layer's files, or the note that they depend on the layers below.
const (
	filesName      = "files"
	needsLowerName = "needs-lower"
)

// all unpacks an image's layers: side by side those that can be unpacked alone, and then, from the lowest, the others.
func (u unpacker) all(ctx context.Context, ls []packedLayer) ([]string, error) {
	folders := make([]string, len(ls))
	group, each := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range ls {
		group.Go(func() (err error) {
			folders[i], err = u.alone(each, l, i == 0)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	chain := sha256.New()
	for i, l := range ls {
		fmt.Fprintln(chain, l.diffID)
		if folders[i] != "" {
			continue
		}
		var err error
		if folders[i], err = u.onTop(ctx, l, hex.EncodeToString(chain.Sum(nil)), folders[:i]); err != nil {
			return nil, err
		}
	}
	return folders, nil
}

// alone unpacks a layer whatever is below it, so that all images have it in common. It returns "" for one that cannot be
// unpacked so.
func (u unpacker) alone(ctx context.Context, l packedLayer, lowest bool) (string, error) {
	var lower []string
	if lowest {
		lower = []string{}
	}
	// The lowest layer is kept apart: with nothing below it, it depends on nothing.
	key := fmt.Sprintf("unpacked %s %s %s %t", versions.Tree, u.owners.Name, l.diffID, lowest)
	dir, err := u.store.Folder(ctx, key, func(dir string) (int64, error) {
		size, err := u.unpack(ctx, l, dir, lower)
		if errors.Is(err, unpack.ErrNeedsLower) {
			size, err = 0, errors.Join(os.RemoveAll(filepath.Join(dir, filesName)), os.WriteFile(filepath.Join(dir, needsLowerName), nil, 0o600))
		}
		return size, err
	})
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(filepath.Join(dir, needsLowerName)); err == nil {
		return "", nil
	}
	return filepath.Join(dir, filesName), nil
}

// onTop unpacks a layer that depends on those below it. chain names it and them.
func (u unpacker) onTop(ctx context.Context, l packedLayer, chain string, lower []string) (string, error) {
	key := fmt.Sprintf("unpacked on others %s %s %s", versions.Tree, u.owners.Name, chain)
	dir, err := u.store.Folder(ctx, key, func(dir string) (int64, error) { return u.unpack(ctx, l, dir, lower) })
	return filepath.Join(dir, filesName), err
}

func (u unpacker) unpack(ctx context.Context, l packedLayer, dir string, lower []string) (size int64, err error) {
	files := filepath.Join(dir, filesName)
	if err := errors.Join(os.Mkdir(files, 0o755), os.Chmod(files, 0o755)); err != nil { //nolint:gosec // an image's root, in a folder that nobody else can enter
		return 0, err
	}
	if u.owners.Map != nil {
		uid, _ := u.owners.Map(0)
		if err := errors.Join(os.Lchown(dir, uid, uid), os.Lchown(files, uid, uid)); err != nil {
			return 0, err
		}
	}
	write := u.owners.Unpack
	if write == nil {
		write = func(_ context.Context, r io.Reader, dir string, lower []string) (int64, error) {
			return unpack.Layer(r, dir, unpack.Options{Owner: u.owners.Map, Lower: lower})
		}
	}
	err = u.store.Tar(ctx, l.src, l.diffID, func(r io.Reader) (err error) {
		size, err = write(ctx, r, files, lower)
		return err
	})
	return size, err
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
	users, _ := passwd.Users(readAccounts(folders, "etc/passwd"))
	groups, _ := passwd.Groups(readAccounts(folders, "etc/group"))
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

// readAccounts reads one of the root's files of accounts. One that is not there or cannot be used has none.
func readAccounts(folders []string, name string) string {
	const most = 4 << 20
	text, err := unpack.ReadFile(folders, name, most)
	if err != nil {
		return ""
	}
	return string(text)
}
