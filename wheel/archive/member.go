package archive

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kinds of files in st_mode.
const (
	typeMask    = 0o170000
	typeFile    = 0o100000
	typeDir     = 0o040000
	typeSymlink = 0o120000
)

// Linux takes names of 255 bytes and paths of 4,095.
const (
	maxPart = 255
	maxPath = 4000
)

// identify checks flags, method and kind, and works out the name.
func (m *Member) identify() error {
	switch {
	case m.flags&flagEncrypted != 0:
		return fmt.Errorf("it is encrypted")
	case m.flags&flagPatch != 0:
		return fmt.Errorf("it is a patch of another file")
	case m.Method != Stored && m.Method != Deflated:
		return fmt.Errorf("its method of compression is %d; wheels have 0 (stored) and 8 (deflated)", m.Method)
	case m.Method == Stored && m.Size != m.Packed:
		return fmt.Errorf("its header has two sizes, %d and %d bytes, though it is stored", m.Size, m.Packed)
	}
	name, err := decodeName(m.rawName, m.flags&flagUTF8 != 0)
	if err != nil {
		return err
	}
	m.Name, m.Dir = strings.CutSuffix(name, "/")
	if err := checkPath(m.Name); err != nil {
		return err
	}
	switch kind := m.Unix & typeMask; {
	case kind == typeSymlink:
		return fmt.Errorf("it is a symlink")
	case kind != 0 && kind != typeFile && kind != typeDir:
		return fmt.Errorf("it is a device, a pipe or a socket (mode %o)", m.Unix)
	case kind == typeDir && !m.Dir:
		return fmt.Errorf("it is a folder by its mode and a file by its path")
	case m.Dir && m.Size != 0:
		return fmt.Errorf("it is a folder with a size of %d bytes", m.Size)
	}
	return nil
}

// decodeName is UTF-8 by its flag, else code page 437.
func decodeName(raw string, isUTF8 bool) (string, error) {
	if isUTF8 {
		if !utf8.ValidString(raw) {
			return "", fmt.Errorf("its path is not UTF-8")
		}
		return raw, nil
	}
	if !strings.ContainsFunc(raw, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return raw, nil
	}
	var b strings.Builder
	high := []rune(codePage437)
	for _, c := range []byte(raw) {
		if c < utf8.RuneSelf {
			b.WriteByte(c)
		} else {
			b.WriteRune(high[c-utf8.RuneSelf])
		}
	}
	return b.String(), nil
}

// codePage437 is the upper half of the characters that zip names have without the UTF-8 flag.
const codePage437 = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
	"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0"

// checkPath refuses what is no canonical relative path, and whiteouts, which
// delete files in a layer.
func checkPath(name string) error {
	switch {
	case name == "" || name[0] == '/':
		return fmt.Errorf("its path is absolute or empty")
	case strings.Contains(name, `\`):
		return fmt.Errorf("its path has a backslash")
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("its path has a control character")
	case len(name) > maxPath:
		return fmt.Errorf("its path has more than %d bytes", maxPath)
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return fmt.Errorf("its path is not canonical: it has a part that is empty or made of dots")
		case strings.HasPrefix(part, ".wh."):
			return fmt.Errorf("its path is a whiteout, which would delete a file in a layer")
		case len(part) > maxPart:
			return fmt.Errorf("a part of its path has more than %d bytes", maxPart)
		}
	}
	return nil
}

// checkPaths refuses two members of one path, and members below a file.
func checkPaths(members []Member) error {
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return ComparePaths(members[a].Name, members[b].Name) })
	for i := 1; i < len(order); i++ {
		before, m := members[order[i-1]], members[order[i]]
		switch {
		case before.Name == m.Name:
			return fmt.Errorf("duplicate member %q", m.Name)
		case !before.Dir && strings.HasPrefix(m.Name, before.Name+"/"):
			return fmt.Errorf("member %q is below member %q, which is a file: the path is no folder", m.Name, before.Name)
		}
	}
	return nil
}

// ComparePaths orders a path directly before those below it.
func ComparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return cmp.Compare(pathByte(a[i]), pathByte(b[i]))
		}
	}
	return cmp.Compare(len(a), len(b))
}

func pathByte(c byte) int {
	if c == '/' {
		return -1
	}
	return int(c)
}
