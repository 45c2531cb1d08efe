package repository

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/wheel/tag"
)

// Manifest lists everything that the index serves with its hash. It follows from the records alone.
type Manifest struct {
	Version int               `json:"version"` // of the form
	Wheels  []Record          `json:"wheels"`
	Pages   map[string]string `json:"pages"` // SHA-256 by path
}

// What the manifest and its signature are called.
const (
	ManifestName  = "manifest.json"
	SignatureName = "manifest.json.sigstore.json"
)

const (
	manifestVersion = 1
	maxManifest     = 256 << 20 // 100,000 wheels with 20 build requirements each
)

// Publish writes all pages that are not what the records say, and the manifest. sign may be nil; else its result is the
// signature's file. Without it the signature of a manifest that changes is removed. It returns the manifest.
func (r *Repository) Publish(sign func(manifest []byte) ([]byte, error)) (Manifest, error) {
	m, err := r.publish(sign)
	if err != nil {
		return m, fmt.Errorf("writing the index %s: %w", r.dir, err)
	}
	return m, nil
}

func (r *Repository) publish(sign func([]byte) ([]byte, error)) (Manifest, error) {
	unlock, err := r.lock()
	if err != nil {
		return Manifest{}, err
	}
	defer unlock()
	m, pages, err := r.manifest()
	if err != nil {
		return m, err
	}
	for at, page := range pages {
		if err := writeFile(filepath.Join(r.dir, filepath.FromSlash(at)), page); err != nil {
			return m, err
		}
	}
	text, err := marshal(m)
	if err != nil {
		return m, err
	}
	old, err := regular.Read(filepath.Join(r.dir, ManifestName), maxManifest)
	same := err == nil && bytes.Equal(old, text)
	if sign != nil {
		signature, err := sign(text)
		if err != nil {
			return m, err
		}
		if same {
			return m, writeFile(filepath.Join(r.dir, SignatureName), signature)
		}
		return m, r.writeSigned(text, signature)
	}
	if same {
		return m, nil // and its signature, if it has one, stays true
	}
	if err := os.Remove(filepath.Join(r.dir, SignatureName)); err != nil && !errors.Is(err, fs.ErrNotExist) { // it is that of another manifest
		return m, err
	}
	return m, writeFile(filepath.Join(r.dir, ManifestName), text)
}

// writeSigned replaces the manifest and its signature. After an error the folder has both as they were. The signature comes first:
// whoever reads the new manifest while this runs, and then the signature, has both of one kind.
func (r *Repository) writeSigned(text, signature []byte) error {
	at := filepath.Join(r.dir, SignatureName)
	old, oldErr := regular.Read(at, maxRecord)
	renamed, err := atomicfile.WriteAll(r.dir, atomicfile.File{Name: SignatureName, Data: signature}, atomicfile.File{Name: ManifestName, Data: text})
	if err == nil || renamed == 0 {
		return err
	}
	if oldErr == nil && writeFile(at, old) == nil {
		return err
	}
	return errors.Join(err, os.Remove(at)) // a manifest without a signature is better than one with another's
}

// manifest is what the records come to, with the bytes of the pages.
func (r *Repository) manifest() (Manifest, map[string][]byte, error) {
	projects, err := r.projects()
	if err != nil {
		return Manifest{}, nil, err
	}
	all := make([][]entry, len(projects))
	for i, p := range projects {
		if all[i], err = r.records(p); err != nil {
			return Manifest{}, nil, err
		}
	}
	m, pages := manifestOf(projects, all)
	return m, pages, nil
}

// manifestOf is the manifest of projects with their records, and the bytes of the pages.
func manifestOf(projects []string, all [][]entry) (Manifest, map[string][]byte) {
	m := Manifest{Version: manifestVersion, Wheels: []Record{}, Pages: make(map[string]string)}
	pages := map[string][]byte{"simple/index.html": projectsHTML(projects)}
	for i, p := range projects {
		pages["simple/"+p+"/index.html"] = projectHTML(p, all[i])
		for _, e := range all[i] {
			m.Wheels = append(m.Wheels, e.Record)
		}
	}
	for at, page := range pages {
		m.Pages[at] = sum(page)
	}
	return m, pages
}

// NewManifest is the manifest of an index with these wheels, in any order, and its text: that of a folder with the same ones.
func NewManifest(records []Record) (m Manifest, text []byte, err error) {
	byProject := make(map[string][]entry)
	for _, rec := range records {
		f, err := tag.ParseFilename(rec.File)
		if err == nil {
			_, err = rec.check(f.Name, rec.File+".json")
		}
		if err != nil {
			return m, nil, &DamageError{err}
		}
		byProject[f.Name] = append(byProject[f.Name], entry{rec, f})
	}
	projects := slices.Sorted(maps.Keys(byProject))
	all := make([][]entry, len(projects))
	for i, p := range projects {
		all[i] = byProject[p]
		sortEntries(all[i])
	}
	m, _ = manifestOf(projects, all)
	text, err = marshal(m)
	return m, text, err
}

// Check reads the whole folder and compares it with its manifest, whose signature verify checks; verify may be nil. The error
// is a *DamageError with all faults.
func (r *Repository) Check(verify func(manifest, signature []byte) error) (Manifest, error) {
	text, err := regular.Read(filepath.Join(r.dir, ManifestName), maxManifest)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the index %s: %w", r.dir, err)
	}
	if verify != nil {
		signature, err := regular.Read(filepath.Join(r.dir, SignatureName), maxRecord)
		if err == nil {
			err = verify(text, signature)
		}
		if err != nil {
			return Manifest{}, &DamageError{fmt.Errorf("verifying the signature of the index %s: %w", r.dir, err)}
		}
	}
	m, err := ParseManifest(text)
	if err != nil {
		return m, err
	}
	var faults []error
	for at, digest := range m.Pages {
		faults = append(faults, r.checkFile(at, digest, -1))
	}
	for _, w := range m.Wheels {
		faults = append(faults, r.checkFile(w.Path(), w.SHA256, w.Size), r.checkFile(w.Path()+".metadata", w.Metadata, -1),
			r.checkFile(w.Path()+".needs.json", w.NeedsSHA256, -1))
	}
	now, _, err := r.manifest()
	if err == nil {
		var written []byte
		if written, err = marshal(now); err == nil && !bytes.Equal(written, text) {
			err = errors.New("the manifest is not that of the records: a build was interrupted, or a file was changed; write it with \"pyimg wheels index\"")
		}
	}
	if err := errors.Join(append(faults, err)...); err != nil {
		return m, &DamageError{fmt.Errorf("checking the index %s: %w", r.dir, err)}
	}
	return m, nil
}

// ParseManifest reads a manifest.
func ParseManifest(text []byte) (Manifest, error) {
	var m Manifest
	err := json.Unmarshal(text, &m)
	if err == nil && m.Version != manifestVersion {
		err = fmt.Errorf("its version is %d, expected %d", m.Version, manifestVersion)
	}
	for _, w := range m.Wheels {
		if err != nil {
			break
		}
		var name tag.Filename
		if name, err = tag.ParseFilename(w.File); err == nil {
			_, err = w.check(name.Name, w.File+".json")
		}
	}
	for at := range m.Pages {
		if err == nil && !fs.ValidPath(at) {
			err = fmt.Errorf("the page %.200q is no path", at)
		}
	}
	if err != nil {
		return Manifest{}, &DamageError{fmt.Errorf("reading the manifest of an index: %w", err)}
	}
	return m, nil
}

// checkFile compares a file's bytes with their digest. A negative size is not known.
func (r *Repository) checkFile(at, digest string, size int64) error {
	f, err := regular.Open(filepath.Join(r.dir, filepath.FromSlash(at)))
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return err
	}
	if found := hex.EncodeToString(h.Sum(nil)); found != digest || size >= 0 && n != size {
		return fmt.Errorf("%s has the SHA-256 %s, the manifest says %s", at, found, digest)
	}
	return nil
}
