package root

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/pyimg/pyimg/apk"
)

const (
	tarBlock    = 512
	tarNameSize = 100 // size of the name field, with its final NUL
)

// scriptsTar returns lib/apk/db/scripts.tar: each script as NAME-VERSION.CHECKSUM.TYPE. archive/tar cannot write it,
// since apk leaves device numbers empty and writes long names as a plain 'L' entry.
func (r *Root) scriptsTar() []byte {
	var b bytes.Buffer
	packages := r.present()
	if r.o.Dialect == apk.Dialect3 {
		packages = r.byName()
	}
	for _, p := range packages {
		for _, s := range p.scripts() {
			r.writeScript(&b, p.Package, s)
		}
	}
	b.Write(make([]byte, 2*tarBlock))
	return b.Bytes()
}

func (r *Root) writeScript(b *bytes.Buffer, p *apk.Package, s apk.Script) {
	if r.o.Dialect == apk.Dialect2 {
		name := fmt.Sprintf("%s.%s.%s", p, p.Checksum, s.Type)
		writeTarEntry(b, '0', name, p.BuildTime, s.Content, len(s.Content))
		return
	}
	name := fmt.Sprintf("%s.X1%s.%s", p, hex.EncodeToString(p.Checksum[:]), s.Type)
	if len(name) >= tarNameSize {
		// The content ends in a NUL, which the size does not count.
		writeTarEntry(b, 'L', "././@LongLink", p.BuildTime, append([]byte(name), 0), len(name))
	}
	writeTarEntry(b, '0', name, p.BuildTime, s.Content, len(s.Content))
}

// writeTarEntry writes an entry in GNU format, with the fields that apk sets. It cuts a name that is too long.
func writeTarEntry(b *bytes.Buffer, kind byte, name string, mtime int64, content []byte, size int) {
	var h [tarBlock]byte
	copy(h[:tarNameSize-1], name)
	copy(h[100:], "0000755\x00")               // mode
	copy(h[108:], "0000000\x00")               // uid
	copy(h[116:], "0000000\x00")               // gid
	copy(h[124:], fmt.Sprintf("%012o", size))  // size, without a NUL at the end
	copy(h[136:], fmt.Sprintf("%012o", mtime)) // mtime, also without a NUL
	copy(h[148:], "        ")                  // the checksum counts as spaces
	h[156] = kind
	copy(h[257:], "ustar  \x00")
	copy(h[265:], "root") // user
	copy(h[297:], "root") // group
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00", sum))
	b.Write(h[:])
	b.Write(content)
	if pad := len(content) % tarBlock; pad != 0 {
		b.Write(make([]byte, tarBlock-pad))
	}
}
