package check

import (
	"archive/tar"
	"strings"

	"github.com/pyimg/pyimg/layers/tree"
)

// layering checks how layers hide or replace paths of the layers below.
func (c *checker) layering() {
	for _, o := range c.Oddities {
		own := c.Own != nil && c.Own(o.Layer)
		before := len(c.findings)
		switch at := "/" + o.Path; o.Kind {
		case tree.Whiteout:
			c.whiteout(o, own)
		case tree.Clash:
			c.clash(o, own)
		case tree.BelowSymlink:
			severity := Warning
			if own || o.Hides > 0 {
				severity = Error
			}
			c.find(severity, "layer-symlink", at, "put the path where the symlink leads",
				"%s is below a symlink: %s; some clients replace the symlink with a folder, so that its target is lost", at, o.Why)
		case tree.Escape:
			severity := Warning // clients read absolute names as relative ones
			if strings.Contains(o.Why, "..") {
				severity = Error
			}
			c.find(severity, "layer-escape", at, "build the layer with names below its root", "%s: %s", at, o.Why)
		case tree.Lost:
			c.find(Error, "layer-conflict", at, "move one of the two, or leave it out", "%s cannot be unpacked: %s", at, o.Why)
		case tree.Obeyed:
			c.find(Error, "overlay-mark", at, "build the layer without it; to delete files use a whiteout (.wh.NAME)",
				"%s has %s, which overlayfs obeys: docker and podman hide files that other tools show", at, o.Why)
		}
		for i := range c.findings[before:] {
			c.findings[before+i].Layer = c.Tree.LayerName(o.Layer)
		}
	}
	for n := range c.Tree.All() {
		if h := n.Entry.Header; h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
			c.find(Note, "device", "/"+n.Path, "leave it out: container runtimes create /dev themselves", "/%s is a device, which rootless clients cannot create", n.Path)
		}
	}
}

// whiteout checks an entry that deletes a path: images that were built by running commands have such entries, and no others.
func (c *checker) whiteout(o tree.Oddity, own bool) {
	at := "/" + o.Path
	switch {
	case own:
		c.find(Error, "whiteout", at, "rename the file in the layer's source, or leave it out",
			"the layer has a file with the name of a whiteout, .wh.: it deletes %s of the layers below (entries: %d)", at, o.Hides)
	case o.Hides == 0:
		c.find(Warning, "whiteout", at, "build the layer without it", "the layer has a whiteout of %s, which no layer below has", at)
	}
}

func (c *checker) clash(o tree.Oddity, own bool) {
	at := "/" + o.Path
	n, err := c.Tree.Lstat(o.Path)
	folder := err == nil && n.IsDir()
	severity := Note
	switch {
	case own, folder && o.Hides > 0:
		severity = Error
	case o.Hides > 0:
		severity = Warning
	}
	is, was := "a folder", "something else"
	if !folder {
		is, was = was, is
	}
	c.find(severity, "layer-conflict", at, "let both layers agree on what the path is",
		"%s is %s in %q and %s in %q, a layer above it; entries hidden: %d", at, was, c.Tree.LayerName(o.Below), is, c.Tree.LayerName(o.Layer), o.Hides)
}
