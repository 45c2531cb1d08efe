package install

import (
	"cmp"
	"encoding/base64"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/wheel/distinfo"
)

// record is the RECORD that pip writes: the wheel's rows with their new paths, but
// new hashes only for what was rewritten; rows for what was generated; and rows
// without a hash for members that the wheel's RECORD does not list.
func (t *tree) record(old []distinfo.Row) []byte {
	rows := make([]distinfo.Row, 0, len(old)+len(t.generated))
	for _, r := range old {
		at, ok := t.installed[r.Path]
		if ok {
			delete(t.installed, r.Path)
			r.Path = at
		}
		if t.changed[r.Path] {
			r = t.row(r.Path)
		}
		rows = append(rows, r)
	}
	for _, at := range t.generated {
		rows = append(rows, t.row(at))
	}
	for _, at := range t.installed {
		rows = append(rows, distinfo.Row{Path: at})
	}
	slices.SortFunc(rows, func(a, b distinfo.Row) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Size, b.Size))
	})
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(quote(r.Path) + "," + quote(r.Hash) + "," + quote(r.Size) + "\r\n")
	}
	return []byte(b.String())
}

// row is the row of a file with its final bytes.
func (t *tree) row(inRecord string) distinfo.Row {
	f := t.files[path.Join(t.lib, inRecord)]
	return distinfo.Row{Path: inRecord, Hash: "sha256=" + base64.RawURLEncoding.EncodeToString(f.SHA256[:]), Size: strconv.FormatInt(f.Size, 10)}
}

// quote quotes a CSV field as Python's csv module does.
func quote(field string) string {
	if !strings.ContainsAny(field, ",\"\r\n") {
		return field
	}
	return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
}

// relative is the path from folder to at; both are canonical paths from the root.
func relative(folder, at string) string {
	from, to := strings.Split(folder, "/"), strings.Split(at, "/")
	same := 0
	for same < len(from) && same < len(to) && from[same] == to[same] {
		same++
	}
	return strings.Repeat("../", len(from)-same) + strings.Join(to[same:], "/")
}
