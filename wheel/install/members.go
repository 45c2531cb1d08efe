package install

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/pyimg/pyimg/wheel/archive"
	"github.com/pyimg/pyimg/wheel/distinfo"
)

// maxScript bounds a script whose first line is replaced: it is held in memory.
const maxScript = 16 << 20

// addMembers adds the files of the wheel in pip's order: those of the root,
// those of .data folders, and scripts last.
func (t *tree) addMembers(points []distinfo.EntryPoint) error {
	passes := make([][]int, 3)
	for i, m := range t.members {
		if m.Dir {
			continue
		}
		pass, err := passOf(m.Name)
		if err != nil {
			return err
		}
		passes[pass] = append(passes[pass], i)
	}
	names := scriptNames(points)
	for pass, indexes := range passes {
		for _, i := range indexes {
			m := t.members[i]
			at := t.destination(m.Name)
			if pass == scriptPass && replaced(path.Base(at), names) {
				continue // RECORD keeps its row
			}
			if err := t.addMember(i, at, pass == scriptPass); err != nil {
				return err
			}
		}
	}
	return nil
}

// The passes of addMembers.
const (
	rootPass = iota
	dataPass
	scriptPass
)

// passOf is the pass of a member. Any top folder that ends in .data counts as one.
func passOf(name string) (int, error) {
	top, rest, _ := strings.Cut(name, "/")
	if !strings.HasSuffix(top, ".data") {
		return rootPass, nil
	}
	key, file, _ := strings.Cut(rest, "/")
	switch {
	case file == "":
		return 0, fmt.Errorf("member %q: expected NAME.data/KEY/PATH", name)
	case key == "scripts":
		return scriptPass, nil
	case key != "purelib" && key != "platlib" && key != "headers" && key != "data":
		return 0, fmt.Errorf("member %q: unknown key %q below .data; expected purelib, platlib, headers, scripts or data", name, key)
	}
	return dataPass, nil
}

// destination is where a member that passOf took goes.
func (t *tree) destination(name string) string {
	top, rest, _ := strings.Cut(name, "/")
	if !strings.HasSuffix(top, ".data") {
		return path.Join(t.lib, name)
	}
	key, file, _ := strings.Cut(rest, "/")
	folder := map[string]string{
		"purelib": t.options.Scheme.Purelib, "platlib": t.options.Scheme.Platlib, "headers": t.headers,
		"scripts": t.options.Scheme.Scripts, "data": t.options.Scheme.Data,
	}[key]
	return path.Join(folder, file)
}

func (t *tree) addMember(index int, at string, isScript bool) error {
	m := &t.members[index]
	f := File{Path: at, Mode: plain, Size: m.Size, Member: m, Origin: fmt.Sprintf("member %q", m.Name), index: index}
	if m.Executable() {
		f.Mode = executable
	}
	inRecord := relative(t.lib, at)
	if isScript {
		data, err := t.rewrite(*m)
		if err != nil {
			return err
		}
		if data != nil {
			f = generated(at, f.Mode, data, f.Origin)
			t.changed[inRecord] = true
		}
	}
	t.put(f)
	t.installed[m.Name] = inRecord
	return nil
}

// rewrite replaces the first line of a script that begins with "#!python" by one
// that names the interpreter. It returns nil for another one.
func (t *tree) rewrite(m archive.Member) ([]byte, error) {
	const python = "#!python"
	head, err := t.inflater.Head(m, len(python))
	if err != nil || string(head) != python {
		return nil, err
	}
	data, err := t.inflater.Read(m, maxScript)
	if err != nil {
		return nil, err
	}
	_, rest, _ := bytes.Cut(data, []byte("\n"))
	return append([]byte("#!"+t.options.Interpreter+"\n"), rest...), nil
}

// scriptNames are the names of the entry points that become scripts, as the wheel
// has them.
func scriptNames(points []distinfo.EntryPoint) map[string]bool {
	names := make(map[string]bool)
	for _, p := range points {
		if p.Group == "console_scripts" || p.Group == "gui_scripts" {
			names[p.Name] = true
		}
	}
	return names
}

// replaced reports whether a script of the wheel gives way to an entry point's.
// Old tools put NAME.exe, NAME-script.py and NAME.pya next to NAME.
func replaced(base string, names map[string]bool) bool {
	lower := strings.ToLower(base)
	for _, suffix := range []string{".exe", "-script.py", ".pya"} {
		if strings.HasSuffix(lower, suffix) {
			return names[base[:len(base)-len(suffix)]]
		}
	}
	return names[base]
}

// checkExtensions refuses modules that this Python would never import because of
// their names: foo.cpython-312-x86_64-linux-gnu.so.
func checkExtensions(members []archive.Member, suffix string) error {
	loads := make(map[string]bool) // by path without suffix
	var foreign []string
	for _, m := range members {
		dir, base := path.Split(m.Name)
		stem, ext, ok := strings.Cut(base, ".")
		switch ext = "." + ext; {
		case !ok || m.Dir:
		case ext == suffix, ext == ".abi3.so", ext == ".so", ext == ".py":
			loads[dir+stem] = true
		case strings.HasPrefix(ext, ".cpython-") && strings.HasSuffix(ext, ".so"):
			foreign = append(foreign, m.Name)
		}
	}
	for _, name := range foreign {
		dir, base := path.Split(name)
		stem, _, _ := strings.Cut(base, ".")
		if !loads[dir+stem] {
			return fmt.Errorf("extension module %q is never imported: the EXT_SUFFIX of this Python is %s", name, suffix)
		}
	}
	return nil
}
