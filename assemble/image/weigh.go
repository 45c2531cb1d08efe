package image

import (
	"archive/tar"
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
)

// Weight is the size of one platform of an image, by folder and by package.
type Weight struct {
	Platform string `json:"platform"`
	Digest   string `json:"digest"`
	Size     int64  `json:"size"`     // of the layers, compressed, in bytes
	Unpacked int64  `json:"unpacked"` // of the files that a container sees, in bytes
	// Hidden counts the bytes of files that no container sees, because later layers replace or delete them.
	Hidden   int64           `json:"hidden"`
	Files    int             `json:"files"`
	Folders  []FolderWeight  `json:"folders"`  // by path
	Packages []PackageWeight `json:"packages"` // the heaviest first
}

// FolderWeight is a folder with everything below it.
type FolderWeight struct {
	Path  string `json:"path"` // absolute
	Size  int64  `json:"size"` // of the files, unpacked, in bytes
	Files int    `json:"files"`
}

// PackageWeight is the size of a package's files, or of the files that belong to no package.
type PackageWeight struct {
	Package string `json:"package,omitempty"` // name-version, name==version of a Python package; "" for files that no package owns
	Size    int64  `json:"size"`              // unpacked, in bytes
	Files   int    `json:"files"`
	// Of a Python package: the names of those that require it, and the digest of the layer that has its metadata.
	RequiredBy []string `json:"requiredBy,omitempty"`
	Layer      string   `json:"layer,omitempty"`
}

// Weigh finds out what makes an image big: by folder, down to depth, and by package, from apk's database and the RECORD files of
// Python packages. It returns the entries that it skipped.
func Weigh(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []spec.Platform, depth int) ([]Weight, []Skipped, error) {
	weights := []Weight{}
	skipped, err := eachContents(ctx, index, store, only, func(c Contents) error {
		w, err := c.weigh(depth)
		weights = append(weights, w)
		return err
	})
	return weights, skipped, err
}

func (c Contents) weigh(depth int) (Weight, error) {
	w := Weight{Platform: c.Platform.String(), Digest: c.Digest, Hidden: c.brought}
	for _, l := range c.Layers {
		w.Size += l.Size
	}
	owner, err := c.owners()
	if err != nil {
		return w, err
	}
	folders, owned := map[string]*FolderWeight{}, map[string]*PackageWeight{}
	for n := range c.Tree.All() {
		if n.IsDir() {
			folder(folders, n.Path, depth)
			continue
		}
		size := fileSize(n.Entry.Header)
		w.Files, w.Unpacked = w.Files+1, w.Unpacked+size
		for dir := path.Dir(n.Path); ; dir = path.Dir(dir) {
			if f := folder(folders, dir, depth); f != nil {
				f.Size, f.Files = f.Size+size, f.Files+1
			}
			if dir == "." {
				break
			}
		}
		by := owner(n.Path)
		if owned[by.Package] == nil {
			owned[by.Package] = &by
		}
		o := owned[by.Package]
		o.Size, o.Files = o.Size+size, o.Files+1
	}
	w.Hidden -= w.Unpacked
	for _, at := range slices.Sorted(maps.Keys(folders)) {
		w.Folders = append(w.Folders, *folders[at])
	}
	for _, name := range slices.Sorted(maps.Keys(owned)) {
		w.Packages = append(w.Packages, *owned[name])
	}
	slices.SortStableFunc(w.Packages, func(a, b PackageWeight) int { return cmp.Compare(b.Size, a.Size) })
	return w, nil
}

// owners returns the package that owns a path, without a size. Where an apk package and a Python package both list a file, as for
// Alpine's own Python packages, it is the apk package.
func (c Contents) owners() (func(at string) PackageWeight, error) {
	packages, err := check.Installed(c.Tree)
	if err != nil {
		return nil, err
	}
	owner := check.Owners(packages)
	all := distributions(c.Tree)
	requirers, distribution := c.requirers(all), distributionOwners(all)
	return func(at string) PackageWeight {
		if name, ok := owner[at]; ok {
			return PackageWeight{Package: name}
		}
		if i, ok := distribution(at); ok {
			return PackageWeight{Package: all[i].String(), RequiredBy: requirers[i], Layer: c.Layers[all[i].layer].Digest}
		}
		return PackageWeight{}
	}, nil
}

// folder returns the weight of dir, or nil if dir is deeper than depth. The root is at depth 0.
func folder(folders map[string]*FolderWeight, dir string, depth int) *FolderWeight {
	if dir == "." {
		dir = ""
	}
	if dir != "" && strings.Count(dir, "/")+1 > depth {
		return nil
	}
	at := "/" + dir
	if folders[at] == nil {
		folders[at] = &FolderWeight{Path: at}
	}
	return folders[at]
}

// fileSize is the unpacked size of a member. A hard link has no bytes of its own.
func fileSize(h *tar.Header) int64 {
	if h.Typeflag == tar.TypeReg {
		return h.Size
	}
	return 0
}
