package gitinfo

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

const (
	maxSymbolic  = 5         // references that name each other
	maxPacked    = 256 << 20 // bytes of packed-refs; a large monorepo has a tenth
	maxTagFiles  = 100_000   // loose tags that are looked at
	maxTagFolder = 16        // folders that tags are nested in
	tagPrefix    = "refs/tags/"
)

// head returns the commit of HEAD, and the branch that it names, if it names one.
func (r *repository) head() (revision, branch string, err error) {
	name := "HEAD"
	for range maxSymbolic {
		text, err := r.reference(name)
		if errors.Is(err, fs.ErrNotExist) && name != "HEAD" {
			return "", "", fmt.Errorf("HEAD is %s, which has no commit yet", name)
		}
		if err != nil {
			return "", "", fmt.Errorf("reading %s: %w", name, err)
		}
		target, symbolic := strings.CutPrefix(text, "ref:")
		if !symbolic {
			if !r.isHash(text) {
				return "", "", fmt.Errorf("%s is %.80q, expected a commit", name, text)
			}
			return text, strings.TrimPrefix(branch, "refs/heads/"), nil
		}
		name = strings.TrimSpace(target)
		if !isReference(name) {
			return "", "", fmt.Errorf("it names the reference %.80q", name)
		}
		branch = name
	}
	return "", "", errors.New("its references name each other")
}

// isReference accepts names that lead nowhere else. See git-check-ref-format(1).
func isReference(name string) bool {
	return strings.HasPrefix(name, "refs/") && path.Clean(name) == name && !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '\\' })
}

// reference reads a reference as a file: the worktree's own, else the common one, else the packed one.
func (r *repository) reference(name string) (string, error) {
	for _, root := range []*os.Root{r.own, r.common} {
		text, err := readSmall(root, name, maxRef)
		if err == nil {
			return strings.TrimSpace(string(text)), nil
		}
		if info, statErr := root.Stat(name); !errors.Is(err, fs.ErrNotExist) && (statErr != nil || !info.IsDir()) {
			return "", err
		}
	}
	found := ""
	err := r.packed(func(p packedRef) bool {
		if p.name == name {
			found = p.hash
		}
		return found == ""
	})
	if err == nil && found == "" {
		err = fs.ErrNotExist
	}
	return found, err
}

// A packedRef is a line of packed-refs. peeled is what an annotated tag names.
type packedRef struct{ name, hash, peeled string }

// packed calls do for each packed reference until it returns false.
func (r *repository) packed(do func(packedRef) bool) error {
	f, err := openFile(r.common, "packed-refs")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return r.parsePacked(io.LimitReader(f, maxPacked), do)
}

func (r *repository) parsePacked(from io.Reader, do func(packedRef) bool) error {
	lines := bufio.NewScanner(from)
	var last packedRef
	flush := func() bool { return last.name == "" || do(last) }
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch peeled, isPeeled := strings.CutPrefix(line, "^"); {
		case line == "" || strings.HasPrefix(line, "#"):
		case isPeeled && last.name != "" && r.isHash(peeled):
			last.peeled = peeled
		default:
			hash, name, ok := strings.Cut(line, " ")
			if !ok || !r.isHash(hash) {
				return fmt.Errorf("packed-refs has the line %.80q", line)
			}
			if !flush() {
				return nil
			}
			last = packedRef{name: name, hash: hash}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading packed-refs: %w", err)
	}
	flush()
	return nil
}

// isHash reports whether a text is the name of an object.
func (r *repository) isHash(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == 2*r.hash && strings.ToLower(text) == text
}

// tagsOf lists the tags that name a commit, the newest version first, and what could not be read.
func (r *repository) tagsOf(commit string) (tags, notes []string, err error) {
	known := make(map[string]bool) // loose tags, which win over packed ones
	objects := objects{repository: r}
	defer objects.close()
	unread := 0
	err = r.looseTags(func(name, hash string) {
		known[name] = true
		target, err := objects.peel(hash, commit)
		if err != nil {
			unread++
		}
		if target == commit {
			tags = append(tags, name)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	err = r.packed(func(p packedRef) bool {
		name, isTag := strings.CutPrefix(p.name, tagPrefix)
		if isTag && !known[name] && (p.hash == commit || p.peeled == commit) {
			tags = append(tags, name)
		}
		return true
	})
	if unread > 0 {
		notes = append(notes, fmt.Sprintf("the objects of %d tags cannot be read here, so it is not known whether they name this commit", unread))
	}
	slices.SortFunc(tags, func(a, b string) int { return cmp.Or(compareVersions(b, a), strings.Compare(a, b)) })
	return slices.Compact(tags), notes, err
}

// looseTags calls do for each tag that has a file of its own.
func (r *repository) looseTags(do func(name, hash string)) error {
	count := 0
	err := fs.WalkDir(r.common.FS(), strings.TrimSuffix(tagPrefix, "/"), func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && strings.Count(name, "/") > maxTagFolder:
			return fmt.Errorf("tags are nested more than %d deep", maxTagFolder)
		case !d.Type().IsRegular():
			return nil
		}
		if count++; count > maxTagFiles {
			return fmt.Errorf("more than %d tags are files of their own; git pack-refs --all joins them", maxTagFiles)
		}
		text, err := readSmall(r.common, name, maxRef)
		if hash := strings.TrimSpace(string(text)); err == nil && r.isHash(hash) {
			do(strings.TrimPrefix(name, tagPrefix), hash)
		}
		return err
	})
	return err
}

// compareVersions orders tags: numbers by their value, and 1.0 above 1.0-rc1.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		x, y := leadingNumber(a), leadingNumber(b)
		if x != "" && y != "" {
			a, b = a[len(x):], b[len(y):]
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Or(len(x)-len(y), strings.Compare(x, y)); c != 0 {
				return c
			}
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	switch {
	case strings.HasPrefix(a, "-"):
		return -1 // a prerelease of b
	case strings.HasPrefix(b, "-"):
		return 1
	}
	return len(a) - len(b)
}

func leadingNumber(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}
