package draft

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/dockerfile"
	"github.com/pyimg/pyimg/assemble/draft/shell"
	"github.com/pyimg/pyimg/assemble/draft/specfile"
)

// A copied is a file of the folder with its place in the image, also where the spec does not need it.
type copied struct{ from, to string }

// origin is the file of the folder that a path of the image was copied from; "" if none is known.
func (b *builder) origin(p string) string {
	for _, c := range slices.Backward(b.copies) {
		switch {
		case c.to == p:
			return c.from
		case c.from == "." && strings.HasPrefix(p, strings.TrimSuffix(c.to, "/")+"/"):
			return strings.TrimPrefix(p, strings.TrimSuffix(c.to, "/")+"/")
		case strings.HasPrefix(p, c.to+"/"):
			return path.Join(c.from, strings.TrimPrefix(p, c.to))
		}
	}
	return ""
}

// copy takes COPY and ADD over.
func (b *builder) copy(i dockerfile.Instruction, n int, st *stage) {
	words := i.List
	if words == nil {
		var known bool
		if words, known = st.scope.Words(i.Text); !known {
			if st.last {
				b.note(b.at(i), written(i), "its variable has a value only when the image is built", "name the files under files")
			}
			return
		}
	}
	if from, ok := i.Flag("from"); ok {
		b.copyFrom(i, from, words, n, st)
		return
	}
	if len(i.Heredocs) > 0 {
		if st.last {
			b.note(b.at(i), written(i), "a spec holds no texts of files", "keep it as a file next to the spec, and name that under files")
		}
		return
	}
	if len(words) < 2 {
		return
	}
	to := words[len(words)-1]
	for _, from := range words[:len(words)-1] {
		b.copyOne(i, from, to, len(words) > 2, st)
	}
}

// copyOne takes one source over.
func (b *builder) copyOne(i dockerfile.Instruction, from, to string, several bool, st *stage) {
	if strings.Contains(from, "://") || strings.HasPrefix(from, "git@") {
		if st.last {
			b.note(b.at(i), written(i), "pyimg fetches no files of an image from a URL", "fetch it before, check its digest, keep it next to the spec and name it under files")
		}
		return
	}
	from = path.Clean(strings.TrimLeft(from, "/"))
	if strings.HasPrefix(from, "../") {
		from = path.Clean(strings.TrimLeft(from, "./"))
	}
	asFolder := strings.HasSuffix(to, "/") || several || to == "." || to == "./"
	to = absolute(st.workdir, to)
	isGlob := strings.ContainsAny(from, "*?[")
	if !isGlob && !b.has(from) {
		if st.last && !isPythonInput(from) {
			b.note(b.at(i), written(i), "there is no "+from+" here", "name what makes it, or the file, under files once it is there")
		}
		return
	}
	folder := !isGlob && b.isDir(from)
	if !folder && (asFolder || b.known[to] || isGlob) {
		b.copies = append(b.copies, copied{from, path.Join(to, path.Base(from))})
		b.known[to] = true
		to = strings.TrimSuffix(to, "/") + "/"
	} else {
		b.copies = append(b.copies, copied{from, to})
		b.known[to] = b.known[to] || folder
	}
	if !st.last || isPythonInput(from) && !folder {
		return
	}
	b.takeCopy(i, from, to, folder, st)
}

// takeCopy adds an entry to files.
func (b *builder) takeCopy(i dockerfile.Instruction, from, to string, folder bool, st *stage) {
	f := specfile.Files{From: from, To: to}
	if folder {
		f.Exclude = b.excludes(from, b.ignored)
		if from != "." {
			f.Exclude = append(bytecodeFiles(), f.Exclude...)
		}
	}
	if owner, ok := i.Flag("chown"); ok {
		owner, _ = st.scope.Expand(owner)
		if f.UID, f.GID, ok = b.owner(owner); !ok {
			b.note(b.at(i), "--chown="+owner, "the number of the account is not said", "set uid and gid of the entry under files")
		}
	}
	if mode, ok := i.Flag("chmod"); ok {
		if regexp.MustCompile(`^0?[0-7]{3}$`).MatchString(mode) {
			f.Mode = "0" + strings.TrimPrefix(mode, "0")
		} else if strings.Contains(mode, "x") {
			f.Mode = "0755"
		}
	}
	if i.Keyword == "ADD" && regexp.MustCompile(`\.(tar|tgz|tar\.(gz|xz|bz2|zst))$`).MatchString(from) {
		b.note(b.at(i), written(i), "ADD would unpack it", "unpack it next to the spec, and name the folder under files")
		return
	}
	b.spec.Files = append(b.spec.Files, f)
}

// copyFrom takes over what another stage or another image brings: of a stage its Python packages.
func (b *builder) copyFrom(i dockerfile.Instruction, from string, words []string, n int, st *stage) {
	name, known := b.global.Expand(from)
	of := b.find(name, n)
	switch {
	case !known:
	case of < 0 && (strings.Contains(name, "astral-sh/uv") || strings.HasPrefix(name, "uv:")):
		b.wants.tool = "uv"
		return
	case of >= 0:
		before := b.wants.installs
		b.wants.installs = false
		if !b.used[of] {
			b.stage(of, &stage{workdir: "/", virtual: make(map[string][]specfile.Item)})
		}
		installed := b.wants.installs
		b.installers = append(b.installers, installer{of, installed})
		b.wants.installs = before || installed
	}
	if !st.last {
		return
	}
	if of >= 0 && b.installedIn(of) && len(words) > 1 && !b.hasOwn(words[0]) {
		b.moved = append(b.moved, words[0])
		return
	}
	what := "image " + name
	if of >= 0 {
		what = "stage " + name
	}
	b.note(b.at(i), written(i), "pyimg builds no other stages, and the "+what+" makes it", "make it before, keep the result next to the spec, and name it under files")
}

// An installer is a stage, with whether it installs Python packages.
type installer struct {
	stage    int
	installs bool
}

func (b *builder) installedIn(of int) bool {
	return slices.ContainsFunc(b.installers, func(x installer) bool { return x.stage == of && x.installs })
}

// hasOwn reports whether a path of a stage holds the project's own files rather than packages.
func (b *builder) hasOwn(p string) bool {
	if isEnvironment(p) || strings.Contains(p, "site-packages") || strings.HasPrefix(p, "/usr/local") || strings.Contains(p, "wheel") || strings.HasPrefix(p, "/root") {
		return false
	}
	from := b.origin(path.Clean("/" + p))
	if from == "" || !b.has(from) {
		for _, c := range b.copies {
			if c.to == path.Clean("/"+p) {
				return true
			}
		}
		return strings.Contains(path.Base(p), ".") && !isPythonInput(p)
	}
	return !isPythonInput(from)
}

// changesFiles takes over commands that change accounts, folders and owners.
func (b *builder) changesFiles(i dockerfile.Instruction, c shell.Command, name string, words []string, st *stage) bool {
	switch name {
	case "adduser", "useradd":
		return b.addUser(name, words)
	case "addgroup", "groupadd":
		return b.addGroup(words)
	case "mkdir":
		_, args := options(words, []string{"-m", "--mode"})
		for _, dir := range args {
			b.dir(absolute(st.workdir, dir))
		}
		return true
	case "chown":
		_, args := options(words, nil)
		return len(args) > 1 && b.chown(args[0], args[1:], st)
	case "chmod":
		_, args := options(words, nil)
		return len(args) > 1 && b.chmod(args[0], args[1:], st)
	}
	return false
}

func (b *builder) dir(p string) {
	b.known[p] = true
	if !slices.ContainsFunc(b.spec.Dirs, func(d specfile.Dir) bool { return d.Path == p }) {
		b.spec.Dirs = append(b.spec.Dirs, specfile.Dir{Path: p})
	}
}

// chown gives files and folders of the spec an owner. It fails if one of the paths is not the spec's.
func (b *builder) chown(owner string, paths []string, st *stage) bool {
	uid, gid, ok := b.owner(owner)
	for _, p := range paths {
		p = absolute(st.workdir, p)
		found := false
		for n := range b.spec.Dirs {
			if d := &b.spec.Dirs[n]; d.Path == p || strings.HasPrefix(d.Path, p+"/") {
				d.UID, d.GID, found = uid, gid, true
			}
		}
		for n := range b.spec.Files {
			f := &b.spec.Files[n]
			if to := path.Clean(f.To); to == p || strings.HasPrefix(to, p+"/") {
				f.UID, f.GID, found = uid, gid, true
			}
		}
		if !found && p == b.spec.Image.Workdir {
			b.spec.Dirs, found = append(b.spec.Dirs, specfile.Dir{Path: p, UID: uid, GID: gid}), true
		}
		ok = ok && found
	}
	return ok
}

// chmod makes single files of the spec executable.
func (b *builder) chmod(mode string, paths []string, st *stage) bool {
	if mode != "+x" && mode != "a+x" && mode != "u+x" && !regexp.MustCompile(`^0?7[0-7]{2}$`).MatchString(mode) {
		return false
	}
	for _, p := range paths {
		p = absolute(st.workdir, p)
		found := false
		for n := range b.spec.Files {
			f := &b.spec.Files[n]
			if to := f.To; to == p || strings.HasSuffix(to, "/") && path.Join(to, path.Base(f.From)) == p {
				f.Mode, found = "0755", true
			}
		}
		from := b.origin(p)
		if info, err := fs.Stat(b.folder, from); !found && from != "" && err == nil && info.Mode()&0o100 != 0 {
			found = true // it is executable in the folder
		}
		if !found {
			return false
		}
	}
	return true
}
