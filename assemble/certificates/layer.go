package certificates

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// LayerName is what the layer of certificates is called.
const LayerName = "certificates"

// Paths of Alpine's ca-certificates-bundle, and the folder from which its update-ca-certificates takes more.
const (
	bundlePath = "etc/ssl/certs/ca-certificates.crt"
	openssl    = "etc/ssl/cert.pem" // where OpenSSL looks, and Python with it: a symlink to the bundle
	localDir   = "usr/local/share/ca-certificates"
)

// Env are the variables that lead programs with a list of their own to the bundle: Python's certifi, and so requests and httpx, has one.
func Env() map[string]string {
	return map[string]string{"SSL_CERT_FILE": "/" + bundlePath, "REQUESTS_CA_BUNDLE": "/" + bundlePath}
}

// A member is a path of the layer.
type member struct {
	header tar.Header
	body   []byte
}

// Layer makes the layer that adds certificates to a root: joined to its bundle, and each in a file of its own. The same certificates
// on the same bundle give the same bytes on all platforms. alone reports whether the root has no bundle, so that it trusts nothing else.
func Layer(ctx context.Context, all []Certificate, root *tree.Tree, at time.Time, o layers.MakeOptions, store *layers.Store) (l lock.Layer, alone bool, err error) {
	m := members{root: root, at: at, all: make(map[string]member)}
	alone, err = m.fill(all)
	if err != nil {
		return l, alone, fmt.Errorf("adding certificates: %w", err)
	}
	var list []member
	for _, name := range slices.Sorted(maps.Keys(m.all)) {
		list = append(list, m.all[name])
	}
	var content bytes.Buffer
	if err := write(tar.NewWriter(&content), list); err != nil {
		return l, alone, fmt.Errorf("adding certificates: %w", err)
	}
	sum := sha256.Sum256(content.Bytes())
	blob, err := store.Make(ctx, fmt.Sprintf("certificates %d %s", versions.Certificates, hex.EncodeToString(sum[:])), o,
		func(w *tar.Writer) error { return write(w, list) })
	if err != nil {
		return l, alone, fmt.Errorf("making the layer of certificates: %w", err)
	}
	return lock.NewLayer(blob, LayerName, []lock.Reason{lock.NewReason(lock.ReasonGenerated)}, nil), alone, nil
}

func write(w *tar.Writer, list []member) error {
	for _, m := range list {
		if err := w.WriteHeader(&m.header); err != nil {
			return err
		}
		if _, err := w.Write(m.body); err != nil {
			return err
		}
	}
	return nil
}

// members are those of the layer, by path.
type members struct {
	root *tree.Tree
	at   time.Time
	all  map[string]member
}

func (m members) fill(all []Certificate) (alone bool, err error) {
	old, header, err := m.bundle()
	if err != nil {
		return false, err
	}
	m.put(m.real(bundlePath), header, joined(old, all))
	if _, err := m.root.Lookup(openssl); err != nil {
		m.put(m.real(openssl), tar.Header{Typeflag: tar.TypeSymlink, Linkname: "certs/ca-certificates.crt", Mode: 0o777}, nil)
	}
	for _, c := range all {
		name := m.real(path.Join(localDir, c.name))
		if n, err := m.root.Lstat(name); err == nil {
			if bytes.Equal(n.Entry.Kept, c.pem()) {
				continue // of a base that was made with the same certificate
			}
			return false, fmt.Errorf("/%s is another certificate in the image already; rename %s", n.Path, c.File)
		}
		m.put(name, tar.Header{Typeflag: tar.TypeReg, Mode: 0o644}, c.pem())
	}
	return old == nil, nil
}

// bundle reads the root's bundle of certificates from the store, and returns its content, owner and mode. The content is nil if the root has
// no bundle.
func (m members) bundle() ([]byte, tar.Header, error) {
	h := tar.Header{Typeflag: tar.TypeReg, Mode: 0o644}
	n, err := m.root.Lookup(bundlePath)
	if err != nil {
		return nil, h, nil //nolint:nilerr // the root has no bundle
	}
	have := n.Entry.Header
	if n.Entry.Kept == nil && (n.IsDir() || have.Size > 0) {
		return nil, h, fmt.Errorf("/%s is no file that can be read: it has %d bytes", n.Path, have.Size)
	}
	h.Mode, h.Uid, h.Gid = have.Mode, have.Uid, have.Gid
	return append([]byte{}, n.Entry.Kept...), h, nil
}

// real is a path with the symlinks among its folders followed; that of the last part, too, if it leads to a file.
func (m members) real(name string) string {
	if n, err := m.root.Lookup(name); err == nil {
		return n.Path
	}
	dir, rest := path.Dir(name), path.Base(name)
	for dir != "." {
		if n, err := m.root.Lookup(dir); err == nil {
			return path.Join(n.Path, rest)
		}
		dir, rest = path.Dir(dir), path.Join(path.Base(dir), rest)
	}
	return rest
}

// put adds a member, and the folders above it that the root does not have.
func (m members) put(name string, h tar.Header, body []byte) {
	h.Name, h.Size, h.ModTime = name, int64(len(body)), m.at
	m.all[name] = member{h, body}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, err := m.root.Lookup(dir); err == nil {
			return
		}
		m.all[dir] = member{tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: m.at}, nil}
	}
}
