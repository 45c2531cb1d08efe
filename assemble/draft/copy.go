package draft

import (
	"cmp"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/dockerfile"
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
	if optional := strings.TrimRight(from, "*"); isPythonInput(optional) { // "poetry.lock*": if it is there
		from = optional
	}
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
	if of >= 0 && len(words) > 1 && b.takeFromStage(i, of, words, st) {
		return
	}
	what := "image " + name
	if of >= 0 {
		what = "stage " + name
	}
	b.note(b.at(i), written(i), "pyimg builds no other stages, and the "+what+" makes it", "make it before, keep the result next to the spec, and name it under files")
}

// takeFromStage takes over what a stage has: its Python packages, and files that it copied from the folder itself.
func (b *builder) takeFromStage(i dockerfile.Instruction, of int, words []string, st *stage) bool {
	all := true
	for _, from := range words[:len(words)-1] {
		from = path.Clean("/" + from)
		to := absolute(st.workdir, words[len(words)-1])
		own := b.copiedBelow(from)
		for _, c := range own {
			if b.has(c.from) && !isPythonInput(c.from) {
				b.takeCopy(i, c.from, path.Join(to, strings.TrimPrefix(c.to, from)), b.isDir(c.from), st)
			}
		}
		all = all && (len(own) > 0 || b.installedIn(of) && !b.hasOwn(from))
	}
	return all
}

// copiedBelow are the copies of the folder's files at a path of the image, or below it.
func (b *builder) copiedBelow(p string) []copied {
	var out []copied
	for _, c := range b.copies {
		if to := strings.TrimSuffix(c.to, "/"); (to == p || strings.HasPrefix(to, strings.TrimSuffix(p, "/")+"/")) && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
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
	if from != "" && b.has(from) {
		return !isPythonInput(from)
	}
	return strings.Contains(path.Base(p), ".") && !isPythonInput(p) // a file that a command of the stage makes
}

// changesFiles takes over commands that change accounts, folders and owners.
func (b *builder) changesFiles(i dockerfile.Instruction, name string, words []string, st *stage) bool {
	switch name {
	case "adduser", "useradd":
		return b.addUser(name, words)
	case "addgroup", "groupadd":
		return b.addGroup(words)
	case "usermod":
		flags, args := options(words, []string{"-G", "--groups", "-aG", "-u", "-g", "-d", "-s"})
		groups := cmp.Or(flags["-aG"], flags["-G"], flags["--groups"])
		ok := groups != "" && len(args) == 1
		for group := range strings.SplitSeq(groups, ",") {
			ok = ok && b.join(args[0], group)
		}
		return ok
	case "mkdir":
		_, args := options(words, []string{"-m", "--mode"})
		for _, arg := range args {
			for _, dir := range braces(arg) {
				b.dir(absolute(st.workdir, dir))
			}
		}
		return !slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "$") })
	case "chown":
		_, args := options(words, nil)
		return len(args) > 1 && b.chown(args[0], args[1:], st)
	case "chmod":
		_, args := options(words, nil)
		return len(args) > 1 && b.chmod(i, args[0], args[1:], st)
	}
	return false
}

// braces are the words that "a{b,c}" stands for.
func braces(word string) []string {
	before, rest, ok := strings.Cut(word, "{")
	in, after, closed := strings.Cut(rest, "}")
	if !ok || !closed || !strings.Contains(in, ",") || strings.HasSuffix(before, "$") {
		return []string{word}
	}
	var out []string
	for part := range strings.SplitSeq(in, ",") {
		out = append(out, before+part+after)
	}
	return out
}

func (b *builder) dir(p string) {
	if strings.Contains(p, "$") {
		return
	}
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

// chmod makes single files of the spec executable. Other modes are those that files get anyway.
func (b *builder) chmod(i dockerfile.Instruction, mode string, paths []string, st *stage) bool {
	switch {
	case regexp.MustCompile(`^0?[46]\d\d$`).MatchString(mode), strings.HasPrefix(mode, "a+r"), strings.HasPrefix(mode, "go"), strings.HasPrefix(mode, "g="):
		return true
	case !strings.HasSuffix(mode, "+x") && !strings.HasSuffix(mode, "+rx") && !regexp.MustCompile(`^0?[57][0-7]{2}$`).MatchString(mode):
		return false
	}
	for _, p := range paths {
		p = absolute(st.workdir, p)
		if b.executable(p) {
			continue
		}
		from := b.origin(p)
		if from == "" || !b.has(from) || b.isDir(from) {
			return from != "" && b.isDir(from) || slices.ContainsFunc(b.spec.Dirs, func(d specfile.Dir) bool { return d.Path == p })
		}
		b.note(b.at(i), "chmod "+mode+" "+p, "the file comes with its folder, and is not executable there", "run \"chmod +x "+from+"\", and keep it so in the repository")
	}
	return true
}

// executable makes the entry of files for a path executable, or finds that the file is.
func (b *builder) executable(p string) bool {
	for n := range b.spec.Files {
		f := &b.spec.Files[n]
		if f.To == p && !b.isDir(f.From) || strings.HasSuffix(f.To, "/") && path.Join(f.To, path.Base(f.From)) == p {
			f.Mode = "0755"
			return true
		}
	}
	from := b.origin(p)
	info, err := fs.Stat(b.folder, cmp.Or(from, "."))
	return from != "" && err == nil && !info.IsDir() && info.Mode()&0o100 != 0
}
